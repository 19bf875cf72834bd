package org.turboesm.esm2;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;
import org.turboesm.TurboEsmException;

/**
 * One safetensors file: eight bytes of header length (little-endian), a JSON header of name, type,
 * shape and byte range a tensor, then the bytes. Only the header is read when the file is opened; a
 * tensor is read when it is asked for, so that files of any size open.
 */
public final class SafetensorsFile implements AutoCloseable {
  private static final int LENGTH_BYTES = 8;

  /** Small enough that a piece is still in the core's cache when it is converted and checked. */
  private static final int PIECE_BYTES = 256 << 10;

  private static final long MAX_HEADER_BYTES = 100_000_000;

  /**
   * Where one tensor lies.
   *
   * @param type the name of the stored format, as the header spells it
   * @param begin first byte, counted from the file's start
   * @param end the byte after the last
   */
  public record Tensor(String name, String type, long[] shape, long begin, long end) {
    /** The number of values. */
    public long elements() {
      return Arrays.stream(shape).reduce(1, Math::multiplyExact);
    }
  }

  private final Path path;
  private final FileChannel channel;
  private final Map<String, Tensor> tensors;

  private SafetensorsFile(Path path, FileChannel channel, Map<String, Tensor> tensors) {
    this.path = path;
    this.channel = channel;
    this.tensors = tensors;
  }

  /**
   * Opens a file and checks its header against its size.
   *
   * @throws TurboEsmException if the file is missing, truncated, or not safetensors
   */
  public static SafetensorsFile open(Path path) {
    FileChannel channel = null;
    try {
      channel = FileChannel.open(path, StandardOpenOption.READ);
      return new SafetensorsFile(path, channel, readHeader(path, channel));
    } catch (IOException e) {
      closeQuietly(channel, e);
      throw new TurboEsmException(path + ": cannot be read: " + e, e);
    } catch (RuntimeException e) {
      closeQuietly(channel, e);
      throw e;
    }
  }

  public Path path() {
    return path;
  }

  /** All tensors by name, in the order of their names. */
  public Map<String, Tensor> tensors() {
    return tensors;
  }

  /**
   * Reads a floating-point tensor, widened to float.
   *
   * @throws TurboEsmException if it is not there, not F32, F16 or BF16, or holds NaN or infinity
   */
  public float[] floats(String name) {
    Tensor tensor = require(name);
    TensorType type = floatType(tensor);
    float[] values = new float[Math.toIntExact(tensor.elements())];
    readInPieces(tensor, type, values);
    return values;
  }

  /** Read, not mapped: pages of a mapping stay in the process until the collector unmaps it. */
  private void readInPieces(Tensor tensor, TensorType type, float[] values) {
    int pieceElements = Math.min(values.length, PIECE_BYTES / type.bytes());
    ByteBuffer piece =
        ByteBuffer.allocate(pieceElements * type.bytes()).order(ByteOrder.LITTLE_ENDIAN);
    boolean finite = true;
    try {
      for (int first = 0; first < values.length; first += pieceElements) {
        int count = Math.min(pieceElements, values.length - first);
        piece.clear().limit(count * type.bytes());
        fill(channel, tensor.begin() + (long) first * type.bytes(), piece);
        type.read(piece, values, first, count);
        finite &= allFinite(values, first, count);
      }
    } catch (IOException e) {
      throw new TurboEsmException(
          path + ": tensor " + tensor.name() + " cannot be read: " + e.getMessage(), e);
    }
    if (!finite) {
      throw notFinite(tensor, values);
    }
  }

  /** One maximum, without a branch a value; NaN is greater than all else to {@code Math.max}. */
  private static boolean allFinite(float[] values, int first, int count) {
    float largest = 0;
    for (int i = first; i < first + count; i++) {
      largest = Math.max(largest, Math.abs(values[i]));
    }
    return largest <= Float.MAX_VALUE;
  }

  private TurboEsmException notFinite(Tensor tensor, float[] values) {
    int found = 0;
    int first = 0;
    for (int i = values.length - 1; i >= 0; i--) {
      if (!Float.isFinite(values[i])) {
        found++;
        first = i;
      }
    }
    return new TurboEsmException(
        path
            + ": tensor "
            + tensor.name()
            + " is damaged: "
            + found
            + " of its "
            + values.length
            + " values are NaN or infinite, the first at index "
            + first
            + " ("
            + values[first]
            + "); download the checkpoint anew, or convert it anew from its original");
  }

  /**
   * Reads an I32 tensor.
   *
   * @throws TurboEsmException if it is not there, or of another type
   */
  public int[] ints(String name) {
    Tensor tensor = require(name);
    if (!tensor.type().equals("I32")) {
      throw wrongType(tensor, "I32");
    }
    int[] values = new int[Math.toIntExact(tensor.elements())];
    bytes(tensor).asIntBuffer().get(values);
    return values;
  }

  /** The tensor's stored bytes, mapped, little-endian. */
  ByteBuffer bytes(Tensor tensor) {
    try {
      return channel
          .map(FileChannel.MapMode.READ_ONLY, tensor.begin(), tensor.end() - tensor.begin())
          .order(ByteOrder.LITTLE_ENDIAN);
    } catch (IOException e) {
      throw new TurboEsmException(
          path + ": tensor " + tensor.name() + " cannot be mapped: " + e.getMessage(), e);
    }
  }

  private Tensor require(String name) {
    Tensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new TurboEsmException(path + ": tensor " + name + " is missing");
    }
    return tensor;
  }

  private TensorType floatType(Tensor tensor) {
    for (TensorType type : TensorType.values()) {
      if (type.name().equals(tensor.type())) {
        return type;
      }
    }
    throw wrongType(tensor, "F32, F16 or BF16");
  }

  private TurboEsmException wrongType(Tensor tensor, String expected) {
    return new TurboEsmException(
        path + ": tensor " + tensor.name() + " is " + tensor.type() + ", expected " + expected);
  }

  private static Map<String, Tensor> readHeader(Path path, FileChannel channel) throws IOException {
    long fileSize = channel.size();
    if (fileSize < LENGTH_BYTES) {
      throw new TurboEsmException(
          path + ": " + fileSize + " bytes are too few for a safetensors file; it is truncated");
    }
    long headerBytes = read(channel, 0, LENGTH_BYTES).getLong(0);
    if (headerBytes <= 0 || headerBytes > MAX_HEADER_BYTES) {
      throw new TurboEsmException(
          path + ": not a safetensors file (its header would be " + headerBytes + " bytes long)");
    }
    long dataStart = LENGTH_BYTES + headerBytes;
    if (dataStart > fileSize) {
      throw new TurboEsmException(
          path
              + ": truncated in its header: "
              + dataStart
              + " bytes expected, "
              + fileSize
              + " found; fetch the file again");
    }
    byte[] header = read(channel, LENGTH_BYTES, (int) headerBytes).array();
    JsonNode json = parse(path, header);
    Map<String, Tensor> tensors = new TreeMap<>();
    json.fields()
        .forEachRemaining(
            field -> {
              if (!field.getKey().equals("__metadata__")) {
                Tensor tensor = tensor(path, field.getKey(), field.getValue(), dataStart);
                if (tensor.end() > fileSize) {
                  throw new TurboEsmException(
                      path
                          + ": truncated: tensor "
                          + tensor.name()
                          + " ends at byte "
                          + tensor.end()
                          + ", the file at "
                          + fileSize
                          + "; fetch the file again");
                }
                tensors.put(tensor.name(), tensor);
              }
            });
    return Collections.unmodifiableMap(tensors);
  }

  private static JsonNode parse(Path path, byte[] header) {
    JsonNode json;
    try {
      json = new ObjectMapper().readTree(new String(header, StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new TurboEsmException(path + ": the safetensors header is not a JSON object", e);
    }
    if (!json.isObject()) {
      throw new TurboEsmException(path + ": the safetensors header is not a JSON object");
    }
    return json;
  }

  private static Tensor tensor(Path path, String name, JsonNode json, long dataStart) {
    JsonNode shapeNode = json.path("shape");
    JsonNode offsets = json.path("data_offsets");
    if (!json.path("dtype").isTextual()
        || !isIntegers(shapeNode)
        || !isIntegers(offsets)
        || offsets.size() != 2) {
      throw new TurboEsmException(
          path + ": tensor " + name + " lacks dtype, shape or data_offsets in the header");
    }
    long[] shape = new long[shapeNode.size()];
    for (int i = 0; i < shape.length; i++) {
      shape[i] = shapeNode.get(i).longValue();
    }
    String type = json.get("dtype").textValue();
    long begin = offsets.get(0).longValue();
    long end = offsets.get(1).longValue();
    if (begin < 0 || end < begin || end > Long.MAX_VALUE - dataStart) {
      throw new TurboEsmException(
          path + ": tensor " + name + " has the impossible data_offsets " + offsets);
    }
    Tensor tensor = new Tensor(name, type, shape, dataStart + begin, dataStart + end);
    long needed = neededBytes(path, tensor);
    if (needed >= 0 && end - begin != needed) {
      throw new TurboEsmException(
          path
              + ": tensor "
              + name
              + " of type "
              + type
              + " and shape "
              + Arrays.toString(shape)
              + " needs "
              + needed
              + " bytes, the header gives it "
              + (end - begin));
    }
    return tensor;
  }

  private static boolean isIntegers(JsonNode array) {
    boolean integers = array.isArray();
    for (JsonNode element : array) {
      integers &= element.isIntegralNumber() && element.canConvertToLong();
    }
    return integers;
  }

  /** Bytes that the shape asks for, or -1 for a type that is never read here. */
  private static long neededBytes(Path path, Tensor tensor) {
    try {
      if (Arrays.stream(tensor.shape()).allMatch(length -> length >= 0)) {
        int width = width(tensor.type());
        return width < 0 ? -1 : Math.multiplyExact(tensor.elements(), width);
      }
    } catch (ArithmeticException e) {
      // More elements than a long counts: as impossible as a negative length.
    }
    throw new TurboEsmException(
        path
            + ": tensor "
            + tensor.name()
            + " has the impossible shape "
            + Arrays.toString(tensor.shape()));
  }

  private static int width(String type) {
    if (type.equals("I32")) {
      return Integer.BYTES;
    }
    return Arrays.stream(TensorType.values())
        .filter(known -> known.name().equals(type))
        .mapToInt(TensorType::bytes)
        .findFirst()
        .orElse(-1);
  }

  private static ByteBuffer read(FileChannel channel, long position, int size) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    fill(channel, position, buffer);
    return buffer;
  }

  private static void fill(FileChannel channel, long position, ByteBuffer target)
      throws IOException {
    while (target.hasRemaining()) {
      if (channel.read(target, position + target.position()) < 0) {
        throw new IOException("the file ended early");
      }
    }
  }

  private static void closeQuietly(FileChannel channel, Exception cause) {
    if (channel != null) {
      try {
        channel.close();
      } catch (IOException e) {
        cause.addSuppressed(e);
      }
    }
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw new TurboEsmException(path + ": cannot be closed: " + e.getMessage(), e);
    }
  }
}
