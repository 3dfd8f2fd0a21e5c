//! Gaussian blur. The first part is the example of the plugin system's specification, word for word but for the comments.

use timeline_studio_sdk::prelude::*;

mod gauss;
use gauss::apply_gaussian_blur;

#[plugin_main]
#[rustfmt::skip] // as it stands in the specification
async fn main(api: PluginAPI) -> Result<()> {
    api.effects().register_effect(EffectDefinition {
        name: "Custom Blur".to_string(),
        category: "Filters".to_string(),
        parameters: vec![
            Parameter::Float {
                name: "radius".to_string(),
                default: 5.0,
                range: 0.0..=100.0,
            }
        ],
        processor: Box::new(CustomBlurEffect),
    }).await?;

    api.events().on("timeline.clip_selected", |event| {
        println!("Clip selected: {:?}", event);
    }).await?;

    Ok(())
}

struct CustomBlurEffect;

impl EffectProcessor for CustomBlurEffect {
    async fn process(&self, input: VideoFrame, params: Parameters) -> Result<VideoFrame> {
        let radius = params.get_float("radius")?;

        let output = apply_gaussian_blur(input, radius);

        Ok(output)
    }
}
