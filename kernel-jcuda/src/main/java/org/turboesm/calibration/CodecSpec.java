package org.turboesm.calibration;

import java.io.Serializable;
import java.util.List;
import org.turboesm.TurboEsmException;
import org.turboesm.calibration.CodecRecipe.Trait;
import org.turboesm.kv.PackedKvLayout;

/**
 * Which codec to fit.
 *
 * @param codec one of {@link #codecs} or {@link #ablations}
 * @param keyBits mean bits a key value, 1 to 8, a multiple of 1/8; without the paper's sign
 * @param valueBits mean bits a value, the same
 * @param allotment among which channels these bits may move
 */
public record CodecSpec(String codec, double keyBits, double valueBits, Allotment allotment)
    implements Serializable {

  /** Head sizes are multiples of eight, so that such a fraction of a bit is whole over a head. */
  private static final int FRACTIONS = 8;

  public CodecSpec {
    CodecRecipe recipe = CodecRecipe.parse(codec);
    requireRange(keyBits);
    requireRange(valueBits);
    if (recipe.fixedBits() > 0
        && (keyBits != recipe.fixedBits() || valueBits != recipe.fixedBits())) {
      throw new TurboEsmException(
          "codec " + codec + " has " + recipe.fixedBits() + " bits a value");
    }
    if (!recipe.has(Trait.ALLOTTED) && !(isWhole(keyBits) && isWhole(valueBits))) {
      throw new TurboEsmException(
          "bits "
              + number(keyBits)
              + ","
              + number(valueBits)
              + " are not whole, and codec "
              + codec
              + " gives all channels the same width");
    }
    if (recipe.has(Trait.SIGN_BESIDE) && keyBits > PackedKvLayout.MAX_BITS - 1) {
      throw new TurboEsmException(
          "codec " + codec + " adds a sign bit, so at most 7 key bits are possible");
    }
    if (allotment != Allotment.SEPARATE && !recipe.comparable()) {
      throw new TurboEsmException(
          "codec "
              + codec
              + " does not measure keys and values in one unit, so its bits cannot move by "
              + allotment.label()
              + "; only allotment separate is possible");
    }
    if (allotment != Allotment.SEPARATE && keyBits != valueBits) {
      throw new TurboEsmException(
          "bits "
              + number(keyBits)
              + ","
              + number(valueBits)
              + " keep keys and values apart, but allotment "
              + allotment.label()
              + " moves bits between them: give their mean, or allotment separate");
    }
  }

  private static void requireRange(double bits) {
    if (!(bits >= 1 && bits <= PackedKvLayout.MAX_BITS)) {
      throw new TurboEsmException(
          "bits " + number(bits) + " are out of range; 1 to 8 are possible");
    }
    if (!isWhole(bits * FRACTIONS)) {
      throw new TurboEsmException(
          "bits " + number(bits) + " are not a multiple of 1/8, such as 2.5 or 2.125");
    }
  }

  private static boolean isWhole(double value) {
    return value == Math.rint(value);
  }

  /**
   * A codec with its own allotment: by head, where keys and values can be compared and have the
   * same bits, else separate.
   */
  public static CodecSpec of(String codec, double keyBits, double valueBits) {
    return new CodecSpec(codec, keyBits, valueBits, defaultAllotment(codec, keyBits, valueBits));
  }

  private static Allotment defaultAllotment(String codec, double keyBits, double valueBits) {
    return CodecRecipe.parse(codec).comparable() && keyBits == valueBits
        ? Allotment.HEAD
        : Allotment.SEPARATE;
  }

  /**
   * Parses the command line's words.
   *
   * @param bits {@code 3}, {@code 2.5}, or {@code 3,2} for keys and values; null for those that the
   *     codec has, or three
   * @param allotment a label, or null for the codec's own
   */
  public static CodecSpec parse(String codec, String bits, String allotment) {
    int fixed = CodecRecipe.parse(codec).fixedBits();
    double[] wanted = bits(bits != null ? bits : fixed > 0 ? String.valueOf(fixed) : "3");
    return new CodecSpec(
        codec,
        wanted[0],
        wanted[1],
        allotment == null
            ? defaultAllotment(codec, wanted[0], wanted[1])
            : Allotment.parse(allotment));
  }

  private static double[] bits(String text) {
    String[] parts = text.split(",", -1);
    try {
      if (parts.length == 1 || parts.length == 2) {
        double keys = Double.parseDouble(parts[0].strip());
        return new double[] {keys, parts.length == 1 ? keys : Double.parseDouble(parts[1].strip())};
      }
    } catch (NumberFormatException e) {
      // Falls through to the one message below.
    }
    throw new TurboEsmException(
        "bits \"" + text + "\" is neither one number like 3 nor two like 3,2 (keys,values)");
  }

  /** The names of all codecs. */
  public static List<String> codecs() {
    return CodecRecipe.codecs().stream().map(CodecRecipe::label).toList();
  }

  /** The names of the default without one component each, and with one that it leaves out. */
  public static List<String> ablations() {
    return CodecRecipe.ablations().stream().map(CodecRecipe::label).toList();
  }

  CodecRecipe recipe() {
    return CodecRecipe.parse(codec);
  }

  /** What the codec is, in a few words. */
  public String about() {
    return recipe().about();
  }

  /** Whether a codec has bits of its own, which cannot be chosen. */
  public static boolean fixesBits(String codec) {
    return CodecRecipe.parse(codec).fixedBits() > 0;
  }

  /** The largest mean width of a set of channels between which bits move. */
  double widestMean() {
    return allotment == Allotment.SEPARATE
        ? Math.max(keyBits, valueBits)
        : (keyBits + valueBits) / 2;
  }

  /**
   * Checks that a model's heads can have this codec.
   *
   * @throws TurboEsmException if bits are not whole over a head, or there is no such rotation
   */
  public void requireHeadDim(int headDim) {
    if (!isWhole(keyBits * headDim) || !isWhole(valueBits * headDim)) {
      throw new TurboEsmException(
          "bits "
              + number(keyBits)
              + ","
              + number(valueBits)
              + " are not whole over a head of "
              + headDim
              + " channels; choose others");
    }
    CodecRecipe recipe = recipe();
    boolean rotated =
        recipe.keys() == Coordinates.HADAMARD || recipe.values() == Coordinates.HADAMARD;
    if (rotated && !HadamardMatrix.exists(headDim)) {
      throw new TurboEsmException(
          "codec "
              + codec
              + " needs a Hadamard matrix of head_dim "
              + headDim
              + ", which it cannot make; leave it out");
    }
  }

  /** Whether keys carry the sign of their residual in a bit beside {@link #keyBits}. */
  public boolean sign() {
    return recipe().has(Trait.SIGN_BESIDE);
  }

  /** Mean bits of a key and a value together, as they are packed. */
  public double packedBits() {
    return keyBits + valueBits + (sign() ? 1 : 0);
  }

  /** The widest code that a channel can have. */
  public int widestCode() {
    return recipe().has(Trait.ALLOTTED)
        ? CodebookFit.maxBits(Math.max(keyBits, valueBits))
        : (int) Math.max(keyBits + (sign() ? 1 : 0), valueBits);
  }

  /** Whether each token's values have a scale of their own. */
  public boolean tokenScaledValues() {
    return recipe().has(Trait.TOKEN_SCALED_VALUES);
  }

  /** Whether decode keeps an unfilled block in full precision. */
  public boolean tail() {
    return recipe().has(Trait.TAIL);
  }

  /**
   * Whether both codecs have the same coordinates, so that one pass over the proteins fits both.
   */
  public boolean sharesTransforms(CodecSpec other) {
    return recipe().sharesTransforms(other.recipe());
  }

  /** For people: {@code default K3 V3}. */
  public String label() {
    String bits = " K" + number(keyBits) + " V" + number(valueBits);
    String moved =
        allotment == defaultAllotment(codec, keyBits, valueBits)
            ? ""
            : ", bits allotted by " + allotment.label();
    return codec + bits + moved;
  }

  /** Bits without a needless fraction. */
  public static String number(double bits) {
    return isWhole(bits) ? String.valueOf((long) bits) : String.valueOf(bits);
  }
}
