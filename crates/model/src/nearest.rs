//! "Did you mean": the known name nearest to an unknown one.

/// The candidate nearest to `name` (Damerau-Levenshtein, letter case aside), if it is near enough
/// that a person would call it a typo: at most a third of the letters differ.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // The distance is quadratic in the length: a name longer than any we know is no typo of one.
    let letters = name.chars().count();
    if letters > 100 {
        return None;
    }
    let wanted = fold(name);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&wanted, &fold(candidate)), candidate))
        .filter(|(distance, _)| distance * 3 <= letters.max(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

// `site_url`, `siteURL` and `site-url` are the same slip of style.
fn fold(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_typos_and_other_styles_only() {
        let known = ["siteUrl", "logoUrl", "status"];
        assert_eq!(nearest("stie_url", known), Some("siteUrl"));
        assert_eq!(nearest("Status", known), Some("status"));
        assert_eq!(nearest("completely", known), None);
        assert_eq!(nearest(&"x".repeat(100_000), known), None);
    }
}
