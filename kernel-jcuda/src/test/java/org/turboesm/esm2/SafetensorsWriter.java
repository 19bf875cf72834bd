package org.turboesm.esm2;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Writes small safetensors files, tensors in the order they are added. */
public final class SafetensorsWriter {
  private final ObjectNode header = new ObjectMapper().createObjectNode();
  private final ByteArrayOutputStream data = new ByteArrayOutputStream();

  /** Adds the metadata entry that many writers put first. */
  public SafetensorsWriter metadata(String key, String value) {
    header.withObject("/__metadata__").put(key, value);
    return this;
  }

  /**
   * Adds a floating-point tensor.
   *
   * @param type F32, F16 or BF16
   * @param values each exactly representable in the type
   */
  public SafetensorsWriter floats(String name, String type, float[] values, long... shape) {
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * (type.equals("F32") ? 4 : 2))
            .order(ByteOrder.LITTLE_ENDIAN);
    for (float value : values) {
      switch (type) {
        case "F32" -> bytes.putFloat(value);
        case "F16" -> bytes.putShort(half(value));
        case "BF16" -> bytes.putShort(brainFloat(value));
        default -> throw new IllegalArgumentException("unknown type " + type);
      }
    }
    return raw(name, type, bytes.array(), shape);
  }

  /** Adds an I32 tensor. */
  public SafetensorsWriter ints(String name, int[] values, long... shape) {
    ByteBuffer bytes = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asIntBuffer().put(values);
    return raw(name, "I32", bytes.array(), shape);
  }

  /** Adds a tensor of any type; nothing is checked. */
  public SafetensorsWriter raw(String name, String type, byte[] bytes, long... shape) {
    return entry(name, type, data.size(), data.size() + bytes.length, shape).bytes(bytes);
  }

  /** Adds a header entry alone, whatever its offsets say. */
  public SafetensorsWriter entry(String name, String type, long begin, long end, long... shape) {
    ObjectNode entry = header.putObject(name).put("dtype", type);
    for (long size : shape) {
      entry.withArray("shape").add(size);
    }
    if (shape.length == 0) {
      entry.putArray("shape");
    }
    entry.putArray("data_offsets").add(begin).add(end);
    return this;
  }

  private SafetensorsWriter bytes(byte[] bytes) {
    data.writeBytes(bytes);
    return this;
  }

  /** The whole file. */
  public byte[] toBytes() {
    return file(header.toString(), data.toByteArray());
  }

  public void write(Path file) {
    try {
      Files.write(file, toBytes());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A file of any header, well-formed or not. */
  public static byte[] file(String header, byte[] data) {
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocate(8 + json.length + data.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(json.length)
        .put(json)
        .put(data)
        .array();
  }

  private static short brainFloat(float value) {
    int bits = Float.floatToRawIntBits(value);
    if ((bits & 0xffff) != 0) {
      throw new IllegalArgumentException(value + " is not exactly a BF16");
    }
    return (short) (bits >>> 16);
  }

  private static short half(float value) {
    int bits = Float.floatToRawIntBits(value);
    int sign = (bits >>> 16) & 0x8000;
    if (value == 0) {
      return (short) sign;
    }
    int exponent = Math.getExponent(value);
    if (exponent < -14 || exponent > 15 || (bits & 0x1fff) != 0) {
      throw new IllegalArgumentException(value + " is not exactly a normal F16");
    }
    return (short) (sign | ((exponent + 15) << 10) | ((bits >>> 13) & 0x3ff));
  }
}
