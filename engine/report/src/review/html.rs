//! One HTML page that needs nothing else: no script, no font, no image, no network. Read in a browser, mailed, printed.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};

use super::{Footer, Review};
use crate::text::escape;

/// The page.
pub fn html(review: &Review, footer: Option<&Footer>) -> Result<String, minijinja::Error> {
    let mut pages = Environment::new();
    pages.set_auto_escape_callback(|_| AutoEscape::Html);
    pages.set_undefined_behavior(UndefinedBehavior::Strict);
    pages.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()?,
    );
    pages.add_template("page", include_str!("page.html"))?;
    let page = pages.get_template("page")?.render(context! {
        style => include_str!("page.css"),
        review => Serde(review),
        footer => Serde(footer),
    })?;
    // Control characters and direction marks are harmless wherever they came from: the template has none.
    Ok(escape(&page))
}
