//! The arithmetic: two passes, along rows and along columns, with the edges of the picture repeated outwards.

use std::collections::VecDeque;

use timeline_studio_sdk::{Pixel, PixelFormat, VideoFrame};

/// Red, green and blue of a pixel.
type Colour = [f32; 3];

/// Blurs a frame of RGBA8 or RGBA32F, with a standard deviation of half the radius; leaves others as they are.
pub fn apply_gaussian_blur(input: VideoFrame, radius: f64) -> VideoFrame {
    match input.format() {
        PixelFormat::Rgba8 => blur::<[u8; 4]>(input, radius),
        PixelFormat::Rgba32F => blur::<[f32; 4]>(input, radius),
        _ => input,
    }
}

/// A pixel that can be computed with.
trait Colours: Pixel {
    fn colour(self) -> Colour;
    /// The same pixel, alpha included, in another colour.
    fn with(self, colour: Colour) -> Self;
}

impl Colours for [u8; 4] {
    fn colour(self) -> Colour {
        [self[0], self[1], self[2]].map(f32::from)
    }

    fn with(self, colour: Colour) -> Self {
        let [r, g, b] = colour.map(|one| (one + 0.5) as u8);
        [r, g, b, self[3]]
    }
}

impl Colours for [f32; 4] {
    fn colour(self) -> Colour {
        [self[0], self[1], self[2]]
    }

    fn with(self, [r, g, b]: Colour) -> Self {
        [r, g, b, self[3]]
    }
}

fn blur<P: Colours>(input: VideoFrame, radius: f64) -> VideoFrame {
    let weights = weights(radius);
    if weights.len() == 1 {
        return input;
    }
    let (reach, height) = (weights.len() as u32 / 2, input.height());
    let mut output = input.output();
    // rows that were blurred along themselves, as many as the kernel is high
    let mut rows: VecDeque<Vec<Colour>> = VecDeque::with_capacity(weights.len());
    let blurred = |y: i64| along_row(row::<P>(&input, y.clamp(0, i64::from(height) - 1) as u32), &weights);
    for y in 0..weights.len() as i64 {
        rows.push_back(blurred(y - i64::from(reach)));
    }
    let mut sums = vec![[0.0; 3]; input.width() as usize];
    for y in 0..height {
        sums.fill([0.0; 3]);
        for (weight, row) in weights.iter().zip(&rows) {
            for (sum, colour) in sums.iter_mut().zip(row) {
                add(sum, *colour, *weight);
            }
        }
        let (from, to) = (row::<P>(&input, y), output.pixels_mut::<P>(y).expect("the format of the input"));
        for ((to, from), sum) in to.iter_mut().zip(from).zip(&sums) {
            *to = from.with(*sum);
        }
        rows.pop_front();
        rows.push_back(blurred(i64::from(y + 1 + reach)));
    }
    output
}

fn row<P: Colours>(frame: &VideoFrame, y: u32) -> &[P] {
    frame.pixels::<P>(y).expect("the format was looked at")
}

fn along_row<P: Colours>(row: &[P], weights: &[f32]) -> Vec<Colour> {
    let reach = weights.len() / 2;
    let edge = |at: usize| row[at].colour();
    let mut padded = vec![edge(0); reach];
    padded.extend(row.iter().map(|pixel| pixel.colour()));
    padded.resize(padded.len() + reach, edge(row.len() - 1));
    let mut sums = vec![[0.0; 3]; row.len()];
    for (at, weight) in weights.iter().enumerate() {
        for (sum, colour) in sums.iter_mut().zip(&padded[at..]) {
            add(sum, *colour, *weight);
        }
    }
    sums
}

fn add(sum: &mut Colour, colour: Colour, weight: f32) {
    for (sum, one) in sum.iter_mut().zip(colour) {
        *sum += one * weight;
    }
}

/// Weights of the kernel: they reach three standard deviations to each side, and add up to 1.
fn weights(radius: f64) -> Vec<f32> {
    let sigma = radius / 2.0;
    let reach = (3.0 * sigma).ceil() as i32;
    let raw: Vec<f64> = (-reach..=reach).map(|at| (-f64::from(at * at) / (2.0 * sigma * sigma)).exp()).collect();
    if reach == 0 {
        return vec![1.0];
    }
    let sum: f64 = raw.iter().sum();
    raw.into_iter().map(|weight| (weight / sum) as f32).collect()
}

#[cfg(test)]
mod tests {
    use timeline_studio_sdk::prelude::*;
    use timeline_studio_sdk::testing;

    #[test]
    fn a_point_becomes_round_and_what_is_flat_stays_so() {
        testing::call("main", ()).unwrap();
        let mut frame = VideoFrame::new(32, 32, PixelFormat::Rgba8);
        for y in 0..32 {
            frame.pixels_mut::<[u8; 4]>(y).unwrap().fill([10, 20, 30, 40]);
        }
        frame.pixels_mut::<[u8; 4]>(8).unwrap()[8] = [255, 20, 30, 40];
        let blurred = testing::process("custom-blur", &frame, serde_json::json!({"radius": 4.0})).unwrap();
        let red = |x: usize, y: u32| blurred.pixels::<[u8; 4]>(y).unwrap()[x][0];
        assert_eq!(red(25, 25), 10);
        assert!(red(8, 8) > red(9, 8) && red(9, 8) > red(10, 8));
        assert_eq!((red(9, 8), red(7, 8)), (red(8, 9), red(8, 7)));
        assert_eq!(blurred.pixels::<[u8; 4]>(8).unwrap()[8][1..], [20, 30, 40]);
    }

    #[test]
    fn a_radius_out_of_range_is_refused() {
        testing::call("main", ()).unwrap();
        let frame = VideoFrame::new(16, 16, PixelFormat::Rgba8);
        let error = testing::process("custom-blur", &frame, serde_json::json!({"radius": 101})).unwrap_err();
        assert_eq!(error.message(), "effect custom-blur: parameter \"radius\" has to be 0 to 100, not 101");
    }
}
