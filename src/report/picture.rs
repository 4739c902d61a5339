//! Pictures as PNG in the page itself.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Inputs that can be shown as pictures.
#[derive(Debug, Clone, Copy)]
pub(super) struct Image {
    channels: usize,
    height: usize,
    width: usize,
}

impl Image {
    /// Of examples of this shape: two axes, or three with one or three channels.
    pub fn of_shape(shape: &[usize]) -> Option<Self> {
        match *shape {
            [height, width] if height > 1 && width > 1 => Some(Self { channels: 1, height, width }),
            [channels @ (1 | 3), height, width] if height > 1 && width > 1 => Some(Self { channels, height, width }),
            _ => None,
        }
    }

    /// An example as a data URI, its smallest value black and its largest white; `None` where it cannot be encoded.
    pub fn uri(&self, values: &[f64]) -> Option<String> {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let size = self.height * self.width;
        let level = |pixel: usize, channel: usize| {
            let value = values.get(channel % self.channels * size + pixel).copied().unwrap_or(low);
            if high > low { ((value - low) / (high - low) * 255.0).round() as u8 } else { 0 }
        };
        let pixels: Vec<[u8; 3]> = (0..size).map(|pixel| [0, 1, 2].map(|channel| level(pixel, channel))).collect();
        png(self.width, self.height, pixels.as_flattened())
    }
}

/// A heat map as a data URI: `values` in [-1, 1], in rows of `width`.
pub(super) fn heat_map(values: &[f64], width: usize) -> Option<String> {
    let pixels: Vec<[u8; 3]> = values.iter().map(|&value| colour(value)).collect();
    png(width, values.len().checked_div(width)?, pixels.as_flattened())
}

/// From blue (-1) through white (0) to red (1).
pub(super) fn colour(value: f64) -> [u8; 3] {
    let strength = value.abs().min(1.0);
    let end = if value < 0.0 { [33.0, 78.0, 156.0] } else { [170.0, 24.0, 44.0] };
    end.map(|end: f64| (255.0 + (end - 255.0) * strength).round() as u8)
}

fn png(width: usize, height: usize, rgb: &[u8]) -> Option<String> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, u32::try_from(width).ok()?, u32::try_from(height).ok()?);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(rgb).ok()?;
    writer.finish().ok()?;
    Some(format!("data:image/png;base64,{}", STANDARD.encode(file)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pictures_are_images() {
        assert!(Image::of_shape(&[1, 8, 8]).is_some() && Image::of_shape(&[3, 4, 5]).is_some());
        assert!(Image::of_shape(&[64]).is_none() && Image::of_shape(&[2, 8, 8]).is_none());
        assert!(Image::of_shape(&[1, 1, 8]).is_none());
    }

    #[test]
    fn an_image_holds_its_pixels() {
        let image = Image::of_shape(&[2, 2]).expect("an image");
        let uri = image.uri(&[0.0, 1.0, 0.5, 0.0]).expect("encodes");
        let file = STANDARD.decode(uri.trim_start_matches("data:image/png;base64,")).expect("base64");
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().expect("a PNG");
        let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
        reader.next_frame(&mut pixels).expect("a frame");
        assert_eq!(pixels, [0, 0, 0, 255, 255, 255, 128, 128, 128, 0, 0, 0]);
    }

    #[test]
    fn colours_are_white_at_zero_and_differ_by_sign() {
        assert_eq!(colour(0.0), [255; 3]);
        assert!(colour(1.0)[0] > colour(1.0)[2] && colour(-1.0)[0] < colour(-1.0)[2]);
    }
}
