package org.turboesm.engine.cpu;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.reorder;
import org.bytedeco.dnnl.stream;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.turboesm.esm2.LinearWeights;

/**
 * Brings a layer's weights into the layout of its kernels. Beside the plain floats and the packed
 * form, one plain copy in the packed form's number format is held meanwhile.
 */
@SuppressWarnings("try") // A PointerScope acts by being open.
final class WeightPacker {
  private final OneDnn library;
  private final MatmulShape shape;
  private final memory.desc packedLayout;
  private final List<NativeMemory> made = new ArrayList<>();

  WeightPacker(OneDnn library, MatmulShape shape, memory.desc packedLayout) {
    this.library = library;
    this.shape = shape;
    this.packedLayout = packedLayout;
  }

  /**
   * Packs.
   *
   * @throws org.turboesm.TurboEsmException where there is no memory left; then none stays taken
   */
  PackedWeights pack(LinearWeights plain) {
    try (PointerScope scope = new PointerScope()) {
      return shape.format().quantized() ? packQuantized(plain) : packFloats(plain);
    } catch (RuntimeException e) {
      made.forEach(NativeMemory::close);
      throw e;
    }
  }

  private PackedWeights packFloats(LinearWeights plain) {
    NativeMemory weights = allocate(packedLayout);
    try (NativeMemory source = allocatePlain(memory.data_type.f32)) {
      new FloatPointer(source.address()).put(plain.weight(), 0, plain.weight().length);
      reorder(source, weights);
    }
    return new PackedWeights(weights, floats(plain.bias()), null, null);
  }

  private PackedWeights packQuantized(LinearWeights plain) {
    float[] scales = new float[shape.outputs()];
    float[] shifts = new float[shape.outputs()];
    NativeMemory weights = allocate(packedLayout);
    try (NativeMemory source = allocatePlain(memory.data_type.s8)) {
      quantize(plain.weight(), source, scales, shifts);
      reorder(source, weights);
    }
    boolean shifted = shape.format() == MatmulFormat.SHIFTED_INT7;
    return new PackedWeights(
        weights, floats(plain.bias()), floats(scales), shifted ? floats(shifts) : null);
  }

  /**
   * Quantizes each output's weights by a scale of its own.
   *
   * @param shifts [outputs], what the activations' shift adds to each output: to be taken away
   */
  private void quantize(float[] weight, NativeMemory target, float[] scales, float[] shifts) {
    int inputs = shape.inputs();
    byte[] row = new byte[inputs];
    ByteBuffer rows =
        new BytePointer(target.address()).capacity((long) inputs * shape.outputs()).asByteBuffer();
    for (int o = 0; o < shape.outputs(); o++) {
      scales[o] = RowQuantizer.quantize(weight, o * inputs, inputs, Byte.MAX_VALUE, 0, row);
      rows.put(row);
      int sum = 0;
      for (byte value : row) {
        sum += value;
      }
      shifts[o] = -MatmulFormat.SHIFT * scales[o] * sum;
    }
  }

  private void reorder(NativeMemory from, NativeMemory to) {
    stream queue = new stream(library.processor());
    new reorder(from.memory(), to.memory()).execute(queue, from.memory(), to.memory());
    queue._wait();
  }

  private NativeMemory floats(float[] values) {
    NativeMemory target =
        allocate(
            new memory.desc(new long[] {values.length}, memory.data_type.f32, memory.format_tag.a));
    new FloatPointer(target.address()).put(values, 0, values.length);
    return target;
  }

  private NativeMemory allocate(memory.desc layout) {
    NativeMemory memory = NativeMemory.allocate(library, layout, "a layer's weights");
    made.add(memory);
    return memory;
  }

  /** [1, inputs, outputs], an output's weights one after the other; the caller closes it. */
  private NativeMemory allocatePlain(memory.data_type type) {
    return NativeMemory.allocate(
        library,
        new memory.desc(
            new long[] {1, shape.inputs(), shape.outputs()}, type, memory.format_tag.acb),
        "a layer's weights while they are packed");
  }
}
