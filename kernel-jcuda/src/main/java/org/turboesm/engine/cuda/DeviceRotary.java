package org.turboesm.engine.cuda;

import java.util.ArrayList;
import java.util.List;
import org.turboesm.cuda.CudaContext;
import org.turboesm.cuda.DeviceBuffer;
import org.turboesm.cuda.DevicePointer;
import org.turboesm.esm2.RotaryEmbedding;

/** Rotary angles on the device, for as many positions as were asked for. */
final class DeviceRotary implements AutoCloseable {
  /** So many proteins are no longer that the table seldom grows. */
  private static final int FIRST_POSITIONS = 4096;

  private final CudaContext context;
  private final RotaryEmbedding rotary;
  private final List<DeviceBuffer> buffers = new ArrayList<>();
  private Table table;

  /**
   * Cosines and sines.
   *
   * @param cosines floats, [positions, headDim / 2]
   * @param sines floats, [positions, headDim / 2]
   */
  record Table(int positions, DevicePointer cosines, DevicePointer sines) {}

  DeviceRotary(CudaContext context, float[] inverseFrequency) {
    this.context = context;
    this.rotary = new RotaryEmbedding(inverseFrequency);
  }

  /** A power of two, so that all tables before take no more than the last. */
  private static int roundUp(int positions) {
    return Math.max(FIRST_POSITIONS, Integer.highestOneBit(positions - 1) << 1);
  }

  /** A table of at least so many positions; it stays where it is until this is closed. */
  synchronized Table table(int positions) {
    if (table == null || table.positions() < positions) {
      RotaryEmbedding.Angles angles = rotary.angles(roundUp(positions));
      DeviceBuffer cosines = upload(angles.cosines());
      DeviceBuffer sines;
      try {
        sines = upload(angles.sines());
      } catch (RuntimeException e) {
        cosines.close();
        throw e;
      }
      buffers.add(cosines);
      buffers.add(sines);
      table = new Table(angles.positions(), cosines, sines);
    }
    return table;
  }

  private DeviceBuffer upload(float[] values) {
    return DeviceBuffer.of(context, values, "rotary angles");
  }

  @Override
  public synchronized void close() {
    buffers.forEach(DeviceBuffer::close);
    buffers.clear();
  }
}
