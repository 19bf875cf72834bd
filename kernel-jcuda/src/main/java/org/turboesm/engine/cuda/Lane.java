package org.turboesm.engine.cuda;

import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.ShortBuffer;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.turboesm.cuda.CudaContext;
import org.turboesm.cuda.CudaException;
import org.turboesm.cuda.CudaStream;
import org.turboesm.cuda.DeviceArena;
import org.turboesm.cuda.DeviceBlas;
import org.turboesm.cuda.DevicePointer;
import org.turboesm.cuda.PinnedBuffer;

/**
 * What one pass at a time runs on: a stream, cuBLAS on it, device memory to work in, and pinned
 * host memory to copy through. While one lane computes, another's host side prepares and copies.
 */
final class Lane implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Lane.class);

  /** Results are copied in pieces of this size. */
  private static final int DOWNLOAD_BYTES = 8 << 20;

  private static final int SMALLEST_UPLOAD_BYTES = 1 << 16;

  private final CudaContext context;
  private final CudaStream stream;
  private final DeviceBlas blas;
  private final DeviceArena arena;
  private final PinnedBuffer download;
  private PinnedBuffer upload;

  /**
   * @throws org.turboesm.OutOfDeviceMemoryException then nothing stays
   */
  Lane(CudaContext context) {
    this.context = context;
    this.arena = new DeviceArena(context, "a batch's activations");
    Opened opened = new Opened();
    try {
      this.stream = opened.add(new CudaStream(context));
      this.blas = opened.add(new DeviceBlas(stream));
      this.download = opened.add(new PinnedBuffer(context, DOWNLOAD_BYTES));
      this.upload = new PinnedBuffer(context, SMALLEST_UPLOAD_BYTES);
    } catch (RuntimeException e) {
      throw opened.closedAfter(e);
    }
  }

  /** Device memory that a lane takes before it has done anything. */
  static long fixedBytes() {
    return DeviceBlas.WORKSPACE_BYTES;
  }

  CudaStream stream() {
    return stream;
  }

  DeviceBlas blas() {
    return blas;
  }

  DeviceArena arena() {
    return arena;
  }

  /** Room that {@link #upload} takes of the arena. */
  static long uploadBytes(List<int[]> arrays) {
    return arrays.stream()
        .mapToLong(array -> DeviceArena.aligned((long) array.length * Integer.BYTES))
        .sum();
  }

  /** Copies arrays to new parts of the arena, all at once. */
  List<DevicePointer> upload(List<int[]> arrays) {
    DevicePointer whole = arena.take(uploadBytes(arrays));
    uploadTo(whole, arrays);
    return parts(whole, arrays);
  }

  /** Where each of the arrays lies that {@link #uploadTo} copies to a part of the arena. */
  static List<DevicePointer> parts(DevicePointer whole, List<int[]> arrays) {
    List<DevicePointer> parts = new ArrayList<>();
    long offset = 0;
    for (int[] array : arrays) {
      long size = (long) array.length * Integer.BYTES;
      parts.add(whole.range(offset, size));
      offset += DeviceArena.aligned(size);
    }
    return parts;
  }

  /** Copies arrays, all at once, to a part of the arena that has {@link #uploadBytes} of them. */
  void uploadTo(DevicePointer whole, List<int[]> arrays) {
    // The copy before may still read the pinned memory.
    stream.synchronize();
    long bytes = uploadBytes(arrays);
    if (upload.bytes() < bytes) {
      // The old one stays where there is no room for the new one.
      PinnedBuffer larger = new PinnedBuffer(context, bytes);
      upload.close();
      upload = larger;
    }
    IntBuffer view = upload.ints();
    int position = 0;
    for (int[] array : arrays) {
      view.put(position, array);
      position += (int) (DeviceArena.aligned((long) array.length * Integer.BYTES) / Integer.BYTES);
    }
    stream.copy(upload, whole, bytes);
  }

  /** Waits until nothing of a failed pass runs any more; its error is the one to tell. */
  void abandon() {
    try {
      stream.synchronize();
    } catch (CudaException e) {
      LOG.debug("after a failed pass: {}", e.getMessage());
    }
  }

  /** Waits for the stream and copies floats to the host. */
  float[] floats(DevicePointer source, int count) {
    float[] target = new float[count];
    FloatBuffer view = download.floats();
    download(source, count, Float.BYTES, (start, size) -> view.get(0, target, start, size));
    return target;
  }

  /** Waits for the stream and copies ints to the host. */
  int[] ints(DevicePointer source, int count) {
    int[] target = new int[count];
    IntBuffer view = download.ints();
    download(source, count, Integer.BYTES, (start, size) -> view.get(0, target, start, size));
    return target;
  }

  /** Waits for the stream and copies activations to the host, widened to floats. */
  float[] activations(DevicePointer source, int count, KernelPrecision precision) {
    if (precision.activationBytes() == Float.BYTES) {
      return floats(source, count);
    }
    float[] target = new float[count];
    ShortBuffer view = download.shorts();
    download(
        source,
        count,
        Short.BYTES,
        (start, size) -> {
          for (int i = 0; i < size; i++) {
            target[start + i] = Float.intBitsToFloat(view.get(i) << Short.SIZE);
          }
        });
    return target;
  }

  /**
   * Copies through the pinned memory, in as many pieces as it takes; each is read before the next.
   */
  private void download(DevicePointer source, int count, int elementBytes, PieceReader reader) {
    int piece = DOWNLOAD_BYTES / elementBytes;
    for (int start = 0; start < count; start += piece) {
      int size = Math.min(piece, count - start);
      long bytes = (long) size * elementBytes;
      stream.copy(source.range((long) start * elementBytes, bytes), download, bytes);
      stream.synchronize();
      reader.read(start, size);
    }
  }

  /**
   * Takes {@code size} elements from the head of the pinned memory, the first of them {@code
   * start}.
   */
  private interface PieceReader {
    void read(int start, int size);
  }

  @Override
  public void close() {
    upload.close();
    download.close();
    arena.close();
    blas.close();
    stream.close();
  }
}
