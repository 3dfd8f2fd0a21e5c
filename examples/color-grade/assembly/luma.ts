// Rec. 709 luma weights, shared by both pixel formats.

export const LUMA_RED: f64 = 0.2126;
export const LUMA_GREEN: f64 = 0.7152;
export const LUMA_BLUE: f64 = 0.0722;
