package org.turboesm.attention;

/**
 * Arrays that kernels work in, kept from call to call so that no call allocates. Whatever they hold
 * is left from the call before.
 */
public final class KernelScratch {
  private float[] floats = {};
  private int[] ints = {};
  private short[] shorts = {};
  private byte[] bytes = {};

  KernelScratch() {}

  /** At least {@code size} floats. */
  public float[] floats(int size) {
    if (floats.length < size) {
      floats = new float[Math.max(size, 2 * floats.length)];
    }
    return floats;
  }

  /** At least {@code size} ints. */
  public int[] ints(int size) {
    if (ints.length < size) {
      ints = new int[Math.max(size, 2 * ints.length)];
    }
    return ints;
  }

  /** At least {@code size} shorts. */
  public short[] shorts(int size) {
    if (shorts.length < size) {
      shorts = new short[Math.max(size, 2 * shorts.length)];
    }
    return shorts;
  }

  /** At least {@code size} bytes. */
  public byte[] bytes(int size) {
    if (bytes.length < size) {
      bytes = new byte[Math.max(size, 2 * bytes.length)];
    }
    return bytes;
  }
}
