//! What a module offers, read from its source, so that a list in a test cannot fall behind it in silence.

/// The names that a module re-exports, but for those of the parts that are named.
pub(crate) fn exported<'a>(source: &'a str, without: &[&str]) -> Vec<&'a str> {
    let parts = source.split("\npub use ").skip(1);
    let statements = parts.filter_map(|rest| rest.split_once(';')?.0.split_once("::"));
    statements
        .filter(|(part, _)| !without.contains(part))
        .flat_map(|(_, names)| names.split([',', '{', '}']).map(str::trim))
        .filter(|name| !name.is_empty())
        .collect()
}

/// The methods of the trait that starts with this line.
pub(crate) fn methods<'a>(source: &'a str, start: &str) -> Vec<&'a str> {
    let body = source
        .split_once(start)
        .and_then(|(_, rest)| rest.split_once("\n}"));
    let lines = body.map(|(body, _)| body.lines()).into_iter().flatten();
    lines
        .filter_map(|line| line.strip_prefix("    fn ")?.split(['(', '<']).next())
        .collect()
}
