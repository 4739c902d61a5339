//! Inputs as pictures.

/// The longest side of a picture in the page; of a larger one, pixels are averaged.
const SIDE: usize = 64;

/// Inputs that can be shown as pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Picture {
    channels: usize,
    height: usize,
    width: usize,
}

impl Picture {
    /// Of examples of this shape: two axes, or three with one or three channels.
    pub fn of_shape(shape: &[usize]) -> Option<Self> {
        match *shape {
            [height, width] if height > 1 && width > 1 => Some(Self { channels: 1, height, width }),
            [channels @ (1 | 3), height, width] if height > 1 && width > 1 => Some(Self { channels, height, width }),
            _ => None,
        }
    }

    /// Pixels of each side that become one.
    fn block(self) -> usize {
        self.height.max(self.width).div_ceil(SIDE)
    }

    /// Channels, height and width in the page.
    pub fn shape(self) -> [usize; 3] {
        [self.channels, self.height.div_ceil(self.block()), self.width.div_ceil(self.block())]
    }

    /// An example's pixels, a row after another, its smallest value 0 and its largest 255.
    pub fn pixels(self, values: &[f64]) -> Vec<u8> {
        let [channels, height, width] = self.shape();
        let places =
            (0..height).flat_map(|y| (0..width).flat_map(move |x| (0..channels).map(move |channel| [channel, y, x])));
        let means: Vec<f64> = places.map(|place| self.mean(values, place)).collect();
        let low = means.iter().copied().fold(f64::INFINITY, f64::min);
        let high = means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let level = |mean: f64| if high > low { ((mean - low) / (high - low) * 255.0).round() as u8 } else { 0 };
        means.into_iter().map(level).collect()
    }

    /// The mean of a block of pixels.
    fn mean(self, values: &[f64], [channel, y, x]: [usize; 3]) -> f64 {
        let block = self.block();
        let rows = y * block..((y + 1) * block).min(self.height);
        let columns = x * block..((x + 1) * block).min(self.width);
        let count = rows.len() * columns.len();
        let at = |row: usize, column: usize| (channel * self.height + row) * self.width + column;
        let sum: f64 = rows.map(|row| values[at(row, columns.start)..][..columns.len()].iter().sum::<f64>()).sum();
        sum / count as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pictures_are_pictures() {
        assert!(Picture::of_shape(&[1, 8, 8]).is_some() && Picture::of_shape(&[3, 4, 5]).is_some());
        assert!(Picture::of_shape(&[64]).is_none() && Picture::of_shape(&[2, 8, 8]).is_none());
        assert!(Picture::of_shape(&[1, 1, 8]).is_none());
    }

    #[test]
    fn a_picture_holds_its_pixels() {
        let grey = Picture::of_shape(&[2, 2]).expect("a picture");
        assert_eq!(grey.pixels(&[0.0, 1.0, 0.5, 0.0]), [0, 255, 128, 0]);
        assert_eq!(grey.pixels(&[2.0; 4]), [0; 4]);
        // Channels lie apart in the data, and together in the page.
        let colours = Picture::of_shape(&[3, 2, 2]).expect("a picture");
        let values: Vec<f64> = (0..12).map(f64::from).collect();
        assert_eq!(colours.pixels(&values)[..6], [0, 93, 185, 23, 116, 209]);
    }

    #[test]
    fn large_pictures_are_averaged() {
        let wide = Picture::of_shape(&[3, 130]).expect("a picture");
        assert_eq!(wide.shape(), [1, 1, 44]);
        let values: Vec<f64> = (0..390).map(|at| f64::from(at % 130 / 3)).collect();
        let pixels = wide.pixels(&values);
        assert_eq!((pixels[0], pixels[43], pixels.len()), (0, 255, 44));
        assert!(pixels.is_sorted());
    }
}
