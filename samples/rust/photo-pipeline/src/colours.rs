//! The colours of a picture in numbers.

use image::RgbImage;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many steps of brightness a histogram tells apart.
const HISTOGRAM_BINS: usize = 16;
/// Colours whose upper bits are the same count as one when the dominant one is looked for.
const COLOUR_BITS: u32 = 4;

/// The colours of a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Colours {
    /// `#rrggbb`
    pub(crate) mean: String,
    /// `#rrggbb`, the mean of the most frequent group of similar colours.
    pub(crate) dominant: String,
    /// From 0 (black) to 1 (white), by the weights of ITU-R BT.601.
    pub(crate) brightness: f64,
    /// The share of pixels for each step of brightness, dark to light.
    pub(crate) histogram: Vec<f64>,
}

#[derive(Clone, Copy, Default)]
struct Sum {
    pixels: u64,
    channels: [u64; 3],
}

impl Sum {
    fn add(&mut self, pixel: [u8; 3]) {
        self.pixels += 1;
        for (sum, value) in self.channels.iter_mut().zip(pixel) {
            *sum += u64::from(value);
        }
    }

    fn mean(&self) -> String {
        let [r, g, b] = self.channels.map(|sum| sum / self.pixels.max(1));
        format!("#{r:02x}{g:02x}{b:02x}")
    }
}

pub(crate) fn measure(image: &RgbImage) -> Colours {
    let mut all = Sum::default();
    let mut groups = vec![Sum::default(); 1 << (3 * COLOUR_BITS)];
    let mut histogram = [0_u64; HISTOGRAM_BINS];
    let mut brightness = 0;
    for pixel in image.pixels() {
        let [r, g, b] = pixel.0;
        all.add(pixel.0);
        let group = pixel.0.iter().fold(0, |group, value| {
            (group << COLOUR_BITS) | usize::from(value >> (8 - COLOUR_BITS))
        });
        groups[group].add(pixel.0);
        let luma = (299 * u64::from(r) + 587 * u64::from(g) + 114 * u64::from(b)) / 1000;
        brightness += luma;
        histogram[luma as usize * HISTOGRAM_BINS / 256] += 1;
    }
    let pixels = all.pixels.max(1) as f64;
    let dominant = groups
        .iter()
        .max_by_key(|group| group.pixels)
        .unwrap_or(&all);
    Colours {
        mean: all.mean(),
        dominant: dominant.mean(),
        brightness: round(brightness as f64 / pixels / 255.0),
        histogram: histogram
            .iter()
            .map(|&n| round(n as f64 / pixels))
            .collect(),
    }
}

/// Four digits say enough and keep reports short.
fn round(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}
