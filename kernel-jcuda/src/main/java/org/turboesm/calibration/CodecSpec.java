package org.turboesm.calibration;

import java.io.Serializable;
import org.turboesm.TurboEsmException;

/**
 * Which codec to fit.
 *
 * @param codec {@code default}, {@code paper} or {@code paper-sign}
 * @param keyBits mean bits a key value, 1 to 8, without the paper's sign
 * @param valueBits mean bits a value, 1 to 8
 */
public record CodecSpec(String codec, int keyBits, int valueBits) implements Serializable {
  public CodecSpec {
    if (keyBits < 1 || keyBits > 8 || valueBits < 1 || valueBits > 8) {
      throw new TurboEsmException(
          "bits " + keyBits + "," + valueBits + " are out of range; each may be 1 to 8");
    }
    if (CodecFamily.parse(codec).residualSign() && keyBits > 7) {
      throw new TurboEsmException(
          "codec " + codec + " adds a sign bit, so at most 7 key bits are possible");
    }
  }

  /**
   * Parses the command line's words.
   *
   * @param bits {@code 3}, or {@code 3,2} for keys and values
   */
  public static CodecSpec parse(String codec, String bits) {
    String[] parts = bits.split(",", -1);
    try {
      if (parts.length == 1) {
        int both = Integer.parseInt(parts[0].strip());
        return new CodecSpec(codec, both, both);
      }
      if (parts.length == 2) {
        return new CodecSpec(
            codec, Integer.parseInt(parts[0].strip()), Integer.parseInt(parts[1].strip()));
      }
    } catch (NumberFormatException e) {
      // Falls through to the one message below.
    }
    throw new TurboEsmException(
        "bits \"" + bits + "\" is neither one number like 3 nor two like 3,2 (keys,values)");
  }

  CodecFamily family() {
    return CodecFamily.parse(codec);
  }

  /** Whether decode keeps an unfilled block in full precision. */
  public boolean tail() {
    return family().tail();
  }

  /** For people: {@code default K3 V3}. */
  public String label() {
    return codec + " K" + keyBits + " V" + valueBits;
  }
}
