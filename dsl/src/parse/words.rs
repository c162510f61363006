//! Human words for the grammar's rules: exhaustive, so that no rule reaches a reader by its own name.

use super::Rule;

/// What ends a statement.
pub(super) const LINE_END: &str = "the end of the line";

/// What a reader is told that was wanted; none: of no use to a reader.
// One line a rule: a table that the compiler keeps complete.
#[allow(clippy::too_many_lines)]
pub(super) fn word(rule: Rule) -> Option<&'static str> {
    Some(match rule {
        Rule::EOI | Rule::line_end | Rule::nl | Rule::WHITESPACE => LINE_END,
        Rule::runbook | Rule::file | Rule::top | Rule::only_runbook_head => "`runbook NAME {`",
        Rule::name => "a name",
        Rule::number | Rule::int => "a number",
        Rule::duration => "a time such as `30s`",
        Rule::bytes => "a size such as `64MiB`",
        Rule::text | Rule::line_text | Rule::block_text => "a text in quotation marks",
        Rule::expr | Rule::operand | Rule::primary | Rule::arg | Rule::only_expr => "a value",
        Rule::operator | Rule::minus => "an operator",
        Rule::reference | Rule::path => "a name",
        Rule::list => "a list",
        Rule::paren => "`(`",
        Rule::args => "`(` with arguments",
        Rule::type_ref => "a type",
        Rule::type_args => "`(` with types",
        Rule::optional => "`?`",
        Rule::default => "`=` with a default",
        Rule::guards | Rule::guard => "a guard such as `quorum-safe(members)`",
        Rule::verb | Rule::call | Rule::good_undo_call | Rule::undo_call => "a verb",
        Rule::open => "`{`",
        Rule::colon => "`:`",
        Rule::equals => "`=`",
        Rule::comma => "`,`",
        Rule::end_round => "`)`",
        Rule::end_square => "`]`",
        Rule::close => "`}`",
        Rule::item | Rule::good_item | Rule::only_item => "a line of a runbook",
        Rule::statement | Rule::good_statement | Rule::only_statement => "a line of a step",
        Rule::on_failure_way => "`pause` or `rollback`",
        Rule::step_option => "an option of a step",
        // Told by a longer word, or never the answer to "what was wanted".
        Rule::bad_number
        | Rule::field
        | Rule::word_char
        | Rule::number_char
        | Rule::not_a_verb
        | Rule::name_char
        | Rule::plain
        | Rule::label
        | Rule::continued
        | Rule::item_word
        | Rule::only_top
        | Rule::bad_runbook
        | Rule::bad_procedure
        | Rule::bad_test
        | Rule::bad_step
        | Rule::bad_outage
        | Rule::bad_head
        | Rule::bad_item
        | Rule::stray
        | Rule::round
        | Rule::curly
        | Rule::only_step_head
        | Rule::only_outage_head => return None,
        Rule::import | Rule::kw_import => "`import`",
        Rule::procedure | Rule::procedure_head | Rule::only_procedure_head | Rule::kw_procedure => {
            "`procedure`"
        }
        Rule::parameters => "`(` with parameters",
        Rule::parameter => "a parameter such as `members: target`",
        Rule::invoke => "a procedure with its arguments",
        Rule::test | Rule::test_head | Rule::only_test_head | Rule::kw_test => "`test`",
        Rule::test_line | Rule::good_test_line | Rule::only_test_line => "a line of a test",
        Rule::given | Rule::given_value | Rule::kw_given => "`given`",
        Rule::happens => "`when`",
        Rule::expect_guard | Rule::expect_end => "`expect`",
        Rule::kw_var => "`var`",
        Rule::kw_runbook => "`runbook`",
        Rule::kw_about => "`about`",
        Rule::kw_edition => "`edition`",
        Rule::kw_param => "`param`",
        Rule::kw_target => "`target`",
        Rule::kw_expect => "`expect`",
        Rule::kw_let => "`let`",
        Rule::kw_done => "`done`",
        Rule::kw_when => "`when`",
        Rule::kw_require => "`require`",
        Rule::kw_warn => "`warn`",
        Rule::kw_ensure => "`ensure`",
        Rule::kw_else => "`else`",
        Rule::kw_override => "`override`",
        Rule::kw_within => "`within`",
        Rule::kw_step => "`step`",
        Rule::kw_on => "`on`",
        Rule::kw_rolling => "`rolling`",
        Rule::kw_leader => "`leader`",
        Rule::kw_last => "`last`",
        Rule::kw_timeout => "`timeout`",
        Rule::kw_retry => "`retry`",
        Rule::kw_every => "`every`",
        Rule::kw_unreachable => "`unreachable`",
        Rule::kw_wait => "`wait`",
        Rule::kw_outage => "`outage`",
        Rule::kw_confirm => "`confirm`",
        Rule::kw_irreversible => "`irreversible`",
        Rule::kw_failure => "`failure`",
        Rule::kw_rollback => "`rollback`",
        Rule::kw_before => "`before`",
        Rule::kw_pause => "`pause`",
        Rule::kw_undo => "`undo`",
        Rule::kw_and => "`and`",
        Rule::kw_or => "`or`",
        Rule::kw_not => "`not`",
        Rule::kw_union => "`union`",
        Rule::kw_except => "`except`",
        Rule::about => "`about`",
        Rule::edition => "`edition`",
        Rule::param => "`param`",
        Rule::target => "`target`",
        Rule::expect => "`expect`",
        Rule::any => "`any`",
        Rule::let_item => "`let`",
        Rule::done_when => "`done when`",
        Rule::require => "`require`",
        Rule::otherwise => "`else`",
        Rule::override_as => "`override`",
        Rule::ensure => "`ensure`",
        Rule::within => "`within`",
        Rule::step | Rule::step_head => "`step`",
        Rule::parallel => "`parallel`",
        Rule::rolling => "`rolling`",
        Rule::quorum_safe => "`quorum-safe`",
        Rule::leader_last => "`leader last`",
        Rule::timeout => "`timeout`",
        Rule::retry => "`retry`",
        Rule::on_unreachable => "`on unreachable`",
        Rule::fail => "`fail`",
        Rule::wait => "`wait`",
        Rule::skip => "`skip`",
        Rule::when => "`when`",
        Rule::outage | Rule::outage_head => "`outage`",
        Rule::confirm => "`confirm`",
        Rule::irreversible => "`irreversible`",
        Rule::on_failure => "`on failure`",
        Rule::rollback_before => "`rollback before irreversible, else pause`",
        Rule::rollback => "`rollback`",
        Rule::pause => "`pause`",
        Rule::undo => "`undo`",
    })
}
