package org.turboesm.engine.cuda;

import org.turboesm.attention.vector.Bfloat16;
import org.turboesm.cuda.CudaContext;
import org.turboesm.cuda.DeviceBuffer;
import org.turboesm.engine.Precision;

/** The activations of a precision on the device: floats for F32, else bfloat16. */
record Activations(CudaContext context, Precision precision) {

  /** The largest relative error of rounding to an activation: half a unit in the last place. */
  double roundoff() {
    return precision == Precision.F32 ? 0x1p-24 : 0x1p-8;
  }

  /** Each value replaced by the activation that it rounds to. */
  void round(float[] values) {
    if (precision != Precision.F32) {
      for (int i = 0; i < values.length; i++) {
        values[i] = Float.intBitsToFloat(Bfloat16.round(values[i]) << 16);
      }
    }
  }

  /** Activations on the device. */
  DeviceBuffer upload(float[] values, String purpose) {
    if (precision == Precision.F32) {
      return DeviceBuffer.of(context, values, purpose);
    }
    short[] rounded = new short[values.length];
    Bfloat16.round(values, 0, values.length, rounded, 0);
    return DeviceBuffer.of(context, rounded, purpose);
  }

  /** Activations from the device. */
  float[] download(DeviceBuffer buffer, int count) {
    if (precision == Precision.F32) {
      return buffer.floats(count);
    }
    float[] values = new float[count];
    Bfloat16.widen(buffer.shorts(count), 0, count, values, 0);
    return values;
  }
}
