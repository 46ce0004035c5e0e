//! Equality under `utf8_unicode_ci`: case, accents and trailing spaces do not matter; leading spaces do.

/// Letters that differ from a base letter by an accent alone, in small letters, up to U+017F. A test asks the server.
const ACCENTED: [(char, &str); 24] = [
    ('a', "àáâãäåāăąª"),
    ('c', "çćĉċč"),
    ('d', "ď"),
    ('e', "èéêëēĕėęě"),
    ('g', "ĝğġģ"),
    ('h', "ĥ"),
    ('i', "ìíîïĩīĭį"),
    ('j', "ĵ"),
    ('k', "ķ"),
    ('l', "ĺļľ"),
    ('n', "ñńņň"),
    ('o', "òóôõöōŏőº"),
    ('r', "ŕŗř"),
    ('s', "śŝşšſ"),
    ('t', "ţť"),
    ('u', "ùúûüũūŭůűų"),
    ('w', "ŵ"),
    ('y', "ýÿŷ"),
    ('z', "źżž"),
    ('1', "¹"),
    ('2', "²"),
    ('3', "³"),
    ('o', "ơ"),
    ('u', "ư"),
];

/// Returns the key by which ids and codes are compared.
pub fn fold(text: &str) -> String {
    text.trim_end_matches(' ')
        .chars()
        .flat_map(char::to_lowercase)
        // A combining accent weighs nothing.
        .filter(|letter| !('\u{300}'..='\u{36f}').contains(letter))
        .map(|letter| {
            ACCENTED
                .iter()
                .find(|(_, like)| like.contains(letter))
                .map_or(letter, |(base, _)| *base)
        })
        .collect::<String>()
        .replace('ß', "ss")
}

/// Whether a text is blank, such as the id of a guest or a missing institution.
pub(crate) fn blank(text: &str) -> bool {
    text.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_accents_and_spaces_behind_do_not_count() {
        assert_eq!(fold("M001"), fold("m001  "));
        assert_eq!(fold("É77"), fold("e77"));
        assert_eq!(fold("e\u{301}77"), fold("E77"));
        assert_ne!(fold(" m001"), fold("m001"));
        assert_ne!(fold("0012"), fold("12"));
        assert!(blank("  ") && blank("") && !blank(" 0 "));
    }
}
