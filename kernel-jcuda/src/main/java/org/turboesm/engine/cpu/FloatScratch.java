package org.turboesm.engine.cpu;

/** A Java array to work in, kept from call to call; it holds whatever the call before left. */
final class FloatScratch {
  private float[] values = {};

  /** At least so many floats. */
  float[] require(int size) {
    if (values.length < size) {
      values = new float[size];
    }
    return values;
  }
}
