//! The runbook language: text in, checked runbooks or diagnostics out.
