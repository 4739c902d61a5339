//! Numbers for people.

/// A number in few characters.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if !size.is_finite() {
        "—".into()
    } else if size == 0.0 {
        "0".into()
    } else if !(1e-3..1e5).contains(&size) {
        let text = format!("{value:.1e}");
        text.replace(".0e", "e")
    } else if size >= 100.0 {
        format!("{value:.0}")
    } else {
        let text = format!(
            "{value:.digits$}",
            digits = if size >= 10.0 {
                1
            } else if size >= 0.1 {
                2
            } else {
                4
            }
        );
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    }
}

/// A share in percent.
pub(super) fn percent(share: f64) -> String {
    let size = number(100.0 * share.abs());
    if share < 0.0 { format!("−{size}%") } else { format!("{size}%") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let cases = [
            (f64::NAN, "—"),
            (0.0, "0"),
            (0.25, "0.25"),
            (300.0, "300"),
            (-2.0, "-2"),
            (4.2e-7, "4.2e-7"),
            (1e-9, "1e-9"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn shares_have_their_sign_before_them() {
        assert_eq!((percent(0.5), percent(-2e-8)), ("50%".to_owned(), "−2e-6%".to_owned()));
    }
}
