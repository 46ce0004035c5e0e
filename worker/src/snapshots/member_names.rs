//! Applies `MEMBER_NAMES`: what rankings show of a person. The worker applies it, so that Redis never holds more than
//! may be shown.

/// How much of a person a ranking shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberNames {
    /// Id and full name.
    Full,
    /// The name as `Siti N.`, without the id.
    Masked,
    /// Only rank and total.
    Hidden,
}

impl MemberNames {
    /// The id; `None` if it may not be shown.
    pub fn id(self, id: String) -> Option<String> {
        (self == Self::Full).then_some(id)
    }

    /// The name as it may be shown. The outer `None` leaves the field out; the inner one is an unknown name.
    pub fn name(self, name: Option<String>) -> Option<Option<String>> {
        match self {
            Self::Full => Some(name),
            Self::Masked => Some(name.map(|name| mask(&name))),
            Self::Hidden => None,
        }
    }

    /// The institution. The outer `None` leaves the field out; the inner one is a blank or unknown institution.
    pub fn institution(self, institution: Option<String>) -> Option<Option<String>> {
        let institution = institution.filter(|text| !text.trim().is_empty());
        (self != Self::Hidden).then_some(institution)
    }
}

/// The first word and the initial of the last; for a single word, its initial.
fn mask(name: &str) -> String {
    let mut words = name.split_whitespace();
    match (words.next(), words.next_back()) {
        (None, _) => String::new(),
        (Some(only), None) => initial(only),
        (Some(first), Some(last)) => format!("{first} {}", initial(last)),
    }
}

fn initial(word: &str) -> String {
    word.chars().take(1).chain(['.']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masked_name_is_the_first_word_and_an_initial() {
        for (name, masked) in [
            ("Siti Nurhaliza", "Siti N."),
            ("Suharto", "S."),
            ("  H. Abdul Karim,  S.Pd. ", "H. S."),
            ("Éva Ørsted", "Éva Ø."),
            ("", ""),
        ] {
            assert_eq!(
                MemberNames::Masked.name(Some(name.to_owned())),
                Some(Some(masked.to_owned()))
            );
        }
        assert_eq!(MemberNames::Masked.name(None), Some(None));
    }

    #[test]
    fn hidden_shows_no_id_name_or_institution() {
        assert_eq!(MemberNames::Hidden.id("1".to_owned()), None);
        assert_eq!(MemberNames::Hidden.name(Some("Siti".to_owned())), None);
        assert_eq!(
            MemberNames::Hidden.institution(Some("SMA 1".to_owned())),
            None
        );
    }

    #[test]
    fn blank_institution_is_unknown() {
        assert_eq!(
            MemberNames::Full.institution(Some(" ".to_owned())),
            Some(None)
        );
        assert_eq!(MemberNames::Masked.id("1".to_owned()), None);
    }
}
