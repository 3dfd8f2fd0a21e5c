/** The smallest plugin that can be called. */
export const echo = (value: unknown): unknown => value;
