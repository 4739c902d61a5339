//! The wire format of protocol buffers: a message is fields, each a number and a value, one after the other.

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Field<'a> {
    /// A whole number of variable length.
    Number(u64),
    /// Four bytes: a float.
    Four([u8; 4]),
    /// Eight bytes: a double.
    Eight([u8; 8]),
    /// A text, a message, or numbers side by side.
    Bytes(&'a [u8]),
}

/// The fields of a message. Nothing is copied, so a length that the message cannot hold costs nothing.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    fn take(&mut self, count: u64) -> Result<&'a [u8], String> {
        let split = usize::try_from(count).ok().and_then(|count| self.rest.split_at_checked(count));
        let (taken, rest) = split.ok_or("a field goes on after the end of its message")?;
        self.rest = rest;
        Ok(taken)
    }

    fn word<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let taken = self.take(N as u64)?;
        <[u8; N]>::try_from(taken).map_err(|error| error.to_string())
    }

    fn field(&mut self) -> Result<(u64, Field<'a>), String> {
        let key = varint(&mut self.rest)?;
        let field = match key & 7 {
            0 => Field::Number(varint(&mut self.rest)?),
            1 => Field::Eight(self.word()?),
            2 => {
                let len = varint(&mut self.rest)?;
                Field::Bytes(self.take(len)?)
            }
            5 => Field::Four(self.word()?),
            kind => return Err(format!("a field is of the unknown wire type {kind}")),
        };
        Ok((key >> 3, field))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Field<'a>), String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

/// Takes a number of seven bits a byte, the lowest first.
pub(super) fn varint(rest: &mut &[u8]) -> Result<u64, String> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first().ok_or("a number goes on after the end of its message")?;
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err("a number has more than 64 bits".into())
}

impl<'a> Field<'a> {
    pub fn bytes(self) -> Result<&'a [u8], String> {
        match self {
            Field::Bytes(bytes) => Ok(bytes),
            _ => Err("a number stands where text or a message belongs".into()),
        }
    }

    pub fn text(self) -> Result<&'a str, String> {
        std::str::from_utf8(self.bytes()?).map_err(|_| "a name is no UTF-8".into())
    }

    pub fn whole(self) -> Result<i64, String> {
        match self {
            Field::Number(number) => Ok(number as i64),
            _ => Err("something else stands where a whole number belongs".into()),
        }
    }

    pub fn float(self) -> Result<f32, String> {
        match self {
            Field::Four(word) => Ok(f32::from_le_bytes(word)),
            _ => Err("something else stands where a float belongs".into()),
        }
    }

    /// Adds whole numbers: one, or several side by side.
    pub fn wholes(self, into: &mut Vec<i64>) -> Result<(), String> {
        let Field::Bytes(mut rest) = self else {
            into.push(self.whole()?);
            return Ok(());
        };
        while !rest.is_empty() {
            into.push(varint(&mut rest)? as i64);
        }
        Ok(())
    }

    /// Adds floats or doubles: one, or several side by side.
    pub fn reals<const N: usize>(self, into: &mut Vec<f64>, read: impl Fn([u8; N]) -> f64) -> Result<(), String> {
        let whole;
        let bytes = match self {
            Field::Bytes(bytes) => bytes,
            Field::Four(word) => {
                whole = word.to_vec();
                &whole
            }
            Field::Eight(word) => {
                whole = word.to_vec();
                &whole
            }
            Field::Number(_) => &[][..],
        };
        let (words, rest) = bytes.as_chunks::<N>();
        if words.is_empty() || !rest.is_empty() {
            return Err("something else stands where real numbers belong".into());
        }
        into.extend(words.iter().map(|&word| read(word)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_as_the_format_has_them() {
        // The examples of the format's documentation: 1: 150, 2: "testing", then a float and a double.
        let message = [
            &[0x08, 0x96, 0x01, 0x12, 0x07][..],
            b"testing",
            &[0x1d, 0, 0, 0x80, 0x3f, 0x21, 0, 0, 0, 0, 0, 0, 0, 0x40],
        ]
        .concat();
        let fields: Vec<_> = Fields::of(&message).collect::<Result<_, _>>().unwrap();
        assert_eq!(fields[0], (1, Field::Number(150)));
        assert_eq!(fields[1].1.text(), Ok("testing"));
        assert_eq!(fields[2].1.float(), Ok(1.0));
        let mut reals = Vec::new();
        fields[3].1.reals(&mut reals, f64::from_le_bytes).unwrap();
        assert_eq!(reals, [2.0]);
        let mut numbers = Vec::new();
        Field::Bytes(&[3, 0x8e, 0x02]).wholes(&mut numbers).unwrap();
        assert_eq!(numbers, [3, 270]);
    }

    #[test]
    fn what_is_cut_off_is_refused() {
        for message in [&[0x08][..], &[0x08, 0x96], &[0x12, 0x07, b'x'], &[0x1d, 0], &[0x0b], &[0xff; 11]] {
            assert!(Fields::of(message).any(|field| field.is_err()), "{message:?}");
        }
        let endless = [&[0x08][..], &[0x80; 11]].concat();
        assert!(Fields::of(&endless).any(|field| field.is_err_and(|problem| problem.contains("64 bits"))));
    }
}
