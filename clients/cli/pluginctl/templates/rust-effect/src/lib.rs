//! {{title}}: makes pictures warmer or colder.

use timeline_studio_sdk::prelude::*;

/// Runs when the plugin is loaded: the place to register effects.
#[on_load]
async fn load(api: PluginAPI) -> Result<()> {
    let warmth = Parameter::Float { name: "warmth".into(), default: 0.2, range: -1.0..=1.0 };
    let definition = EffectDefinition {
        name: "{{title}}".into(),
        category: "Colour".into(),
        parameters: vec![warmth],
        processor: Box::new(Warm),
    };
    api.effects().register_effect(definition).await?;
    Ok(())
}

struct Warm;

impl EffectProcessor for Warm {
    // It keeps nothing from frame to frame, so that frames may be processed at once, on several processors.
    const PARALLEL: bool = true;

    async fn process(&self, input: VideoFrame, params: Parameters) -> Result<VideoFrame> {
        let warmth = params.get_float("warmth")? as f32;
        let (red, blue) = (gain(1.0 + warmth), gain(1.0 - warmth));
        input.map_pixels(|[r, g, b, a]: [u8; 4]| [scaled(r, red), g, scaled(b, blue), a])
    }
}

/// A factor in 256ths: whole numbers are faster than fractions, and the same on each machine.
fn gain(factor: f32) -> u32 {
    (factor * 256.0).round() as u32
}

fn scaled(channel: u8, gain: u32) -> u8 {
    ((u32::from(channel) * gain + 128) >> 8).min(255) as u8
}
