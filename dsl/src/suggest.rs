//! "Did you mean".

/// The help for a mistyped word, if one of the known ones is near.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(word, known).map(|near| format!("did you mean `{near}`?"))
}

/// The nearest of the known words, if it is near enough to be meant.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    if length == 0 || length > 64 {
        return None;
    }
    let limit = (length / 3).max(1);
    known
        .into_iter()
        .filter(|k| *k != word)
        .map(|k| {
            let distance = strsim::damerau_levenshtein(&word.to_lowercase(), k);
            // `stop` for `stopped`, `running-state` for `running`: the beginning says what was meant.
            let begins =
                length >= 3 && (k.starts_with(word) || (k.len() >= 3 && word.starts_with(k)));
            (if begins { distance.min(1) } else { distance }, k)
        })
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, k)| k)
}
