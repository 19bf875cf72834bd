package org.turboesm.engine.cuda;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.turboesm.cuda.CudaContext;
import org.turboesm.cuda.DeviceBuffer;
import org.turboesm.cuda.DevicePointer;
import org.turboesm.engine.Precision;
import org.turboesm.esm2.LayerNormWeights;
import org.turboesm.esm2.LinearWeights;

/**
 * Brings weights to the device in the engine's number format, and owns them there. No more than one
 * layer's tensor is held on the host at a time.
 */
final class WeightUpload implements AutoCloseable {
  private static final String PURPOSE = "the model's weights";

  /** A row of nothing larger becomes zeros; the scale's inverse would overflow. */
  private static final float NEGLIGIBLE = 0x1p-100f;

  private final CudaContext context;
  private final List<DeviceBuffer> buffers = new ArrayList<>();

  WeightUpload(CudaContext context) {
    this.context = context;
  }

  DevicePointer floats(float[] values) {
    return keep(DeviceBuffer.of(context, values, PURPOSE));
  }

  DeviceNorm norm(LayerNormWeights weights) {
    return new DeviceNorm(floats(weights.weight()), floats(weights.bias()));
  }

  /** A layer in a storage format: floats, bfloat16, or bytes with a scale an output. */
  DeviceLinear linear(LinearWeights weights, Precision storage) {
    float[] weight = weights.weight();
    DevicePointer bias = floats(weights.bias());
    DevicePointer values;
    DevicePointer scales = null;
    switch (storage) {
      case INT8 -> {
        float[] rowScales = new float[weights.outputs()];
        byte[] quantized = new byte[weight.length];
        for (int o = 0; o < weights.outputs(); o++) {
          rowScales[o] = quantizeRow(weight, o * weights.inputs(), weights.inputs(), quantized);
        }
        values = keep(DeviceBuffer.of(context, quantized, PURPOSE));
        scales = floats(rowScales);
      }
      case BF16 -> values = keep(DeviceBuffer.of(context, toBfloat16(weight), PURPOSE));
      default -> values = floats(weight);
    }
    return new DeviceLinear(weights.inputs(), weights.outputs(), values, bias, scales);
  }

  /**
   * The scales of queries and keys, and behind them those of values; null where there are none.
   *
   * @param scales floats, [3 * hidden]
   */
  DevicePointer joinedScales(DevicePointer scales, DeviceLinear values, int hidden) {
    if (scales == null) {
      return null;
    }
    long bytes = (long) hidden * Float.BYTES;
    DeviceBuffer joined = DeviceBuffer.allocate(context, 3 * bytes, PURPOSE);
    buffers.add(joined);
    context.copy(scales.range(0, 2 * bytes), joined.range(0, 2 * bytes));
    context.copy(values.scales(), joined.range(2 * bytes, bytes));
    return joined;
  }

  private DevicePointer keep(DeviceBuffer buffer) {
    buffers.add(buffer);
    return buffer;
  }

  /** Symmetric quantization by the largest magnitude; returns the scale. */
  private static float quantizeRow(float[] weight, int offset, int size, byte[] quantized) {
    float largest = 0;
    for (int i = offset; i < offset + size; i++) {
      largest = Math.max(largest, Math.abs(weight[i]));
    }
    float inverse = largest < NEGLIGIBLE ? 0 : Byte.MAX_VALUE / largest;
    for (int i = offset; i < offset + size; i++) {
      quantized[i] = (byte) Math.rint(weight[i] * inverse);
    }
    return largest / Byte.MAX_VALUE;
  }

  /** Rounds to nearest, ties to even. */
  static short[] toBfloat16(float[] values) {
    short[] rounded = new short[values.length];
    for (int i = 0; i < values.length; i++) {
      int bits = Float.floatToRawIntBits(values[i]);
      if (Float.isNaN(values[i])) {
        rounded[i] = (short) 0x7FC0;
      } else {
        rounded[i] = (short) (bits + 0x7FFF + (bits >>> 16 & 1) >>> 16);
      }
    }
    return rounded;
  }

  /** Layers with one input, one under the other: the rows of the first, then of the next. */
  static LinearWeights stacked(LinearWeights... layers) {
    int inputs = layers[0].inputs();
    int outputs = Arrays.stream(layers).mapToInt(LinearWeights::outputs).sum();
    float[] weight = new float[inputs * outputs];
    float[] bias = new float[outputs];
    int row = 0;
    for (LinearWeights layer : layers) {
      System.arraycopy(layer.weight(), 0, weight, row * inputs, layer.weight().length);
      System.arraycopy(layer.bias(), 0, bias, row, layer.outputs());
      row += layer.outputs();
    }
    return new LinearWeights(inputs, outputs, weight, bias);
  }

  @Override
  public void close() {
    buffers.forEach(DeviceBuffer::close);
    buffers.clear();
  }
}
