package org.turboesm.calibration;

/** How the look-up tables of a head's channels are made. */
enum Tables {
  /** One Lloyd-Max table for all channels of the head, all of one width. */
  SHARED,
  /** A Lloyd-Max table a channel. */
  CHANNEL,
  /** Even steps over each channel's range, as integer quantization has them. */
  UNIFORM,
  /** The values of the eight-bit float format E4M3, scaled to the head's range. */
  FLOAT8
}
