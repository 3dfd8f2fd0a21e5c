//! Parameters of an effect: how they are declared, and the values that one frame comes with.

use std::ops::RangeInclusive;
use std::rc::Rc;

use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::generated::{EffectParameter, EffectParameterType};

/// One parameter of an effect, as it is declared. The editor shows a control for it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Parameter {
    /// A number.
    Float {
        /// Its key.
        name: String,
        /// Where none is given.
        default: f64,
        /// Lowest and highest value.
        range: RangeInclusive<f64>,
    },
    /// A whole number.
    Int {
        /// Its key.
        name: String,
        /// Where none is given.
        default: i64,
        /// Lowest and highest value.
        range: RangeInclusive<i64>,
    },
    /// Yes or no.
    Bool {
        /// Its key.
        name: String,
        /// Where none is given.
        default: bool,
    },
    /// A colour, as `#rrggbb` or `#rrggbbaa`.
    Color {
        /// Its key.
        name: String,
        /// Where none is given.
        default: String,
    },
    /// One of several words.
    Choice {
        /// Its key.
        name: String,
        /// Where none is given.
        default: String,
        /// The words.
        choices: Vec<String>,
    },
    /// A text.
    Text {
        /// Its key.
        name: String,
        /// Where none is given.
        default: String,
    },
}

impl Parameter {
    /// Its key.
    pub fn name(&self) -> &str {
        match self {
            Self::Float { name, .. }
            | Self::Int { name, .. }
            | Self::Bool { name, .. }
            | Self::Color { name, .. }
            | Self::Choice { name, .. }
            | Self::Text { name, .. } => name,
        }
    }

    /// The value where none is given.
    fn default(&self) -> Value {
        match self {
            Self::Float { default, .. } => (*default).into(),
            Self::Int { default, .. } => (*default).into(),
            Self::Bool { default, .. } => (*default).into(),
            Self::Color { default, .. } | Self::Choice { default, .. } | Self::Text { default, .. } => {
                default.clone().into()
            }
        }
    }

    /// What the host is told of it.
    #[allow(clippy::cast_precision_loss)] // bounds of a control
    pub(crate) fn wire(&self) -> EffectParameter {
        let (kind, min, max) = match self {
            Self::Float { range, .. } => (EffectParameterType::Float, finite(*range.start()), finite(*range.end())),
            Self::Int { range, .. } => {
                (EffectParameterType::Int, Some(*range.start() as f64), Some(*range.end() as f64))
            }
            Self::Bool { .. } => (EffectParameterType::Bool, None, None),
            Self::Color { .. } => (EffectParameterType::Color, None, None),
            Self::Choice { .. } => (EffectParameterType::Choice, None, None),
            Self::Text { .. } => (EffectParameterType::String, None, None),
        };
        let choices = if let Self::Choice { choices, .. } = self { choices.clone() } else { Vec::new() };
        #[allow(clippy::needless_update)] // fields that the table gains have the host's defaults
        EffectParameter {
            name: self.name().into(),
            r#type: Some(kind),
            default: self.default(),
            min,
            max,
            choices,
            label: String::new(),
            ..Default::default()
        }
    }
}

fn finite(bound: f64) -> Option<f64> {
    bound.is_finite().then_some(bound)
}

/// The values that one frame is to be processed with.
///
/// A value that is left out has its declared default. One that is declared is checked: type, range, choices. One that is
/// not declared can be had all the same.
#[derive(Clone, Debug, Default)]
pub struct Parameters {
    declared: Rc<[Parameter]>,
    given: Map<String, Value>,
}

impl Parameters {
    /// Values for declared parameters, as a JSON object.
    ///
    /// # Errors
    ///
    /// It is none.
    pub(crate) fn parse(declared: &Rc<[Parameter]>, json: &[u8]) -> Result<Self> {
        let given = if json.is_empty() || json == b"null" || json == b"{}" {
            Map::new()
        } else {
            serde_json::from_slice(json)
                .map_err(|error| Error::invalid(format_args!("the parameters are no JSON object: {error}")))?
        };
        Ok(Self { declared: Rc::clone(declared), given })
    }

    /// A number.
    ///
    /// # Errors
    ///
    /// Neither given nor declared with a default, no number, or outside of its range; so with the others.
    pub fn get_float(&self, name: &str) -> Result<f64> {
        let (value, declared) = self.find(name)?;
        let number = value.as_f64().ok_or_else(|| wrong(name, "a number", &value))?;
        match declared {
            Some(Parameter::Float { range, .. }) if !range.contains(&number) => Err(outside(name, range, number)),
            Some(Parameter::Int { .. }) => self.get_int(name).map(|_| number),
            _ => Ok(number),
        }
    }

    /// A whole number.
    pub fn get_int(&self, name: &str) -> Result<i64> {
        let (value, declared) = self.find(name)?;
        let number = whole(&value).ok_or_else(|| wrong(name, "a whole number", &value))?;
        match declared {
            Some(Parameter::Int { range, .. }) if !range.contains(&number) => Err(outside(name, range, number)),
            _ => Ok(number),
        }
    }

    /// Yes or no.
    pub fn get_bool(&self, name: &str) -> Result<bool> {
        let (value, _) = self.find(name)?;
        value.as_bool().ok_or_else(|| wrong(name, "true or false", &value))
    }

    /// A text; of a choice, one of its words.
    pub fn get_string(&self, name: &str) -> Result<String> {
        let (value, declared) = self.find(name)?;
        let text = value.as_str().ok_or_else(|| wrong(name, "a text", &value))?;
        match declared {
            Some(Parameter::Choice { choices, .. }) if !choices.iter().any(|one| one == text) => {
                Err(wrong(name, &format!("one of {}", choices.join(", ")), &value))
            }
            _ => Ok(text.to_owned()),
        }
    }

    /// A colour as red, green, blue and alpha, each from 0 to 1.
    pub fn get_color(&self, name: &str) -> Result<[f32; 4]> {
        let (value, _) = self.find(name)?;
        let parsed = value.as_str().and_then(color);
        parsed.ok_or_else(|| wrong(name, "a colour such as #ff8000 or #ff8000cc", &value))
    }

    /// Any value, as it was given or declared.
    pub fn get(&self, name: &str) -> Option<Value> {
        self.find(name).ok().map(|(value, _)| value)
    }

    fn find(&self, name: &str) -> Result<(Value, Option<&Parameter>)> {
        let declared = self.declared.iter().find(|one| one.name() == name);
        let value = self.given.get(name).cloned().or_else(|| declared.map(Parameter::default));
        value
            .map(|value| (value, declared))
            .ok_or_else(|| Error::invalid(format_args!("there is no parameter {name:?}")))
    }
}

/// A whole number, also where it came as `5.0`.
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)] // checked right there
fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let number = value.as_f64()?;
        let cut = number as i64;
        (cut as f64 == number && cut != i64::MAX).then_some(cut)
    })
}

fn color(text: &str) -> Option<[f32; 4]> {
    let digits = text.strip_prefix('#')?;
    if !digits.is_ascii() || !matches!(digits.len(), 6 | 8) {
        return None;
    }
    let mut channels = [1.0; 4];
    for (at, channel) in channels.iter_mut().enumerate().take(digits.len() / 2) {
        *channel = f32::from(u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok()?) / 255.0;
    }
    Some(channels)
}

fn wrong(name: &str, wanted: &str, value: &Value) -> Error {
    let shown: String = value.to_string().chars().take(80).collect();
    Error::invalid(format_args!("parameter {name:?} has to be {wanted}, not {shown}"))
}

fn outside<T: std::fmt::Display>(name: &str, range: &RangeInclusive<T>, value: T) -> Error {
    let (least, most) = (range.start(), range.end());
    Error::invalid(format_args!("parameter {name:?} has to be {least} to {most}, not {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(json: &str) -> Parameters {
        let declared: Rc<[Parameter]> = Rc::new([
            Parameter::Float { name: "radius".into(), default: 5.0, range: 0.0..=100.0 },
            Parameter::Int { name: "passes".into(), default: 1, range: 1..=3 },
            Parameter::Bool { name: "edges".into(), default: true },
            Parameter::Color { name: "tint".into(), default: "#ff0000".into() },
            Parameter::Choice {
                name: "mode".into(),
                default: "box".into(),
                choices: vec!["box".into(), "gauss".into()],
            },
        ]);
        Parameters::parse(&declared, json.as_bytes()).unwrap()
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let none = with("");
        assert_eq!(none.get_float("radius"), Ok(5.0));
        assert_eq!(none.get_int("passes"), Ok(1));
        assert_eq!(none.get_bool("edges"), Ok(true));
        assert_eq!(none.get_color("tint"), Ok([1.0, 0.0, 0.0, 1.0]));
        assert_eq!(none.get_string("mode"), Ok("box".to_owned()));
        assert!(none.get_float("other").is_err());
    }

    #[test]
    fn what_is_given_is_checked() {
        assert_eq!(with(r#"{"radius": 7}"#).get_float("radius"), Ok(7.0));
        assert_eq!(with(r#"{"passes": 2.0}"#).get_int("passes"), Ok(2));
        assert_eq!(with(r#"{"other": 3}"#).get_int("other"), Ok(3));
        for (json, name) in [
            (r#"{"radius": 100.5}"#, "radius"),
            (r#"{"radius": "7"}"#, "radius"),
            (r#"{"passes": 4}"#, "passes"),
            (r#"{"passes": 1.5}"#, "passes"),
        ] {
            assert_eq!(with(json).get_float(name).unwrap_err().code(), crate::codes::INVALID_PARAMS, "{json}");
        }
        assert!(with(r#"{"mode": "none"}"#).get_string("mode").unwrap_err().message().contains("box, gauss"));
        assert!(with(r##"{"tint": "#12"}"##).get_color("tint").is_err());
        assert_eq!(with(r##"{"tint": "#00ff0000"}"##).get_color("tint"), Ok([0.0, 1.0, 0.0, 0.0]));
    }
}
