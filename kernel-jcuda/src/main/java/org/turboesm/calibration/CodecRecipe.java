package org.turboesm.calibration;

import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.turboesm.TurboEsmException;

/**
 * A codec as choices of coordinates and tables; the kernels know none of them.
 *
 * @param label the word on the command line
 * @param about what it is, for people
 * @param keys coordinates of the keys
 * @param values coordinates of the values
 * @param tables how look-up tables are made
 * @param traits what else it has
 * @param fixedBits the width of every code, or 0 where it may be chosen
 */
record CodecRecipe(
    String label,
    String about,
    Coordinates keys,
    Coordinates values,
    Tables tables,
    Set<Trait> traits,
    int fixedBits) {

  /** A component that a codec has or has not. */
  enum Trait {
    /** The mean is subtracted before. */
    CENTRED,
    /** Channels of a head may have different widths. */
    ALLOTTED,
    /** Calibration weighs each token by the attention it gets; without, all count alike. */
    IMPORTANCE,
    /** Keys carry the sign of their residual, in one bit beside the code's. */
    SIGN_BESIDE,
    /** Keys carry the sign of their residual, in one of the code's bits. */
    SIGN_WITHIN,
    /** Decode keeps an unfilled block in full precision. */
    TAIL,
    /** Each token's values are divided by a scale of their own. */
    TOKEN_SCALED_VALUES
  }

  /** The sign of a key's residual. */
  enum Sign {
    NONE,
    BESIDE,
    WITHIN
  }

  private static final CodecRecipe DEFAULT =
      new CodecRecipe(
          "default",
          "coordinates of the attention output's error, tokens weighed by attention, a table a"
              + " channel, bits allotted among keys and values",
          Coordinates.ERROR_WEIGHTED,
          Coordinates.ERROR_WEIGHTED,
          Tables.CHANNEL,
          EnumSet.of(Trait.CENTRED, Trait.ALLOTTED, Trait.IMPORTANCE, Trait.TAIL),
          0);

  private static final CodecRecipe PAPER =
      new CodecRecipe(
          "paper",
          "TurboESM as published (arXiv 2603.26110): rotated keys, plain values, a table a head",
          Coordinates.PRINCIPAL,
          Coordinates.PLAIN,
          Tables.SHARED,
          EnumSet.noneOf(Trait.class),
          0);

  private static final CodecRecipe HADAMARD =
      new CodecRecipe(
          "hadamard",
          "keys and values rotated by a Hadamard matrix, a table a head",
          Coordinates.HADAMARD,
          Coordinates.HADAMARD,
          Tables.SHARED,
          EnumSet.of(Trait.TAIL),
          0);

  private static final CodecRecipe UNIFORM =
      new CodecRecipe(
          "uniform",
          "even steps, keys by channel over a calibrated range, values by token with a scale each"
              + " (the directions of KIVI)",
          Coordinates.PLAIN,
          Coordinates.PLAIN,
          Tables.UNIFORM,
          EnumSet.of(Trait.CENTRED, Trait.TAIL, Trait.TOKEN_SCALED_VALUES),
          0);

  private static final List<CodecRecipe> CODECS =
      List.of(
          DEFAULT,
          PAPER,
          PAPER
              .named("paper-sign", "paper, with the sign of the key's residual in a bit more")
              .with(Trait.SIGN_BESIDE),
          UNIFORM.named("int8", "uniform at eight bits").fixedBits(8),
          UNIFORM.named("int4", "uniform at four bits").fixedBits(4),
          UNIFORM,
          new CodecRecipe(
              "fp8-e4m3",
              "eight-bit floats with a scale a head",
              Coordinates.PLAIN,
              Coordinates.PLAIN,
              Tables.FLOAT8,
              EnumSet.of(Trait.TAIL),
              8),
          HADAMARD,
          HADAMARD
              .named("hadamard-channel", "hadamard, centred and with a table a channel")
              .with(Trait.CENTRED)
              .tables(Tables.CHANNEL),
          new CodecRecipe(
              "svd",
              "keys and values in their principal axes, centred, a table a channel, bits allotted"
                  + " by its error",
              Coordinates.PRINCIPAL,
              Coordinates.PRINCIPAL,
              Tables.CHANNEL,
              EnumSet.of(Trait.CENTRED, Trait.ALLOTTED, Trait.TAIL),
              0));

  private static final List<CodecRecipe> ABLATIONS =
      List.of(
          DEFAULT
              .named("default-without-mean", "keys and values are not centred")
              .without(Trait.CENTRED),
          DEFAULT
              .named("default-without-query", "keys in their principal axes")
              .coordinates(Coordinates.PRINCIPAL, Coordinates.ERROR_WEIGHTED),
          DEFAULT
              .named("default-without-output", "values in their principal axes")
              .coordinates(Coordinates.ERROR_WEIGHTED, Coordinates.PRINCIPAL),
          DEFAULT
              .named("default-without-importance", "all tokens count alike; keys and values apart")
              .without(Trait.IMPORTANCE),
          DEFAULT
              .named("default-without-allotment", "all channels have the same width")
              .without(Trait.ALLOTTED),
          DEFAULT
              .named("default-without-tables", "one table and one width for all channels")
              .tables(Tables.SHARED)
              .without(Trait.ALLOTTED),
          DEFAULT
              .named("default-without-tail", "decode packs each token at once")
              .without(Trait.TAIL),
          DEFAULT
              .named("default-with-sign", "a key's last bit is the sign of its residual")
              .with(Trait.SIGN_WITHIN));

  CodecRecipe {
    traits = Set.copyOf(traits);
  }

  /** The codecs of the command line, ablations of the default apart. */
  static List<CodecRecipe> codecs() {
    return CODECS;
  }

  /** The default without one component each, and with one that it leaves out. */
  static List<CodecRecipe> ablations() {
    return ABLATIONS;
  }

  static CodecRecipe parse(String label) {
    return Stream.concat(CODECS.stream(), ABLATIONS.stream())
        .filter(recipe -> recipe.label.equals(label))
        .findFirst()
        .orElseThrow(
            () ->
                new TurboEsmException(
                    "unknown codec \""
                        + label
                        + "\"; known are "
                        + String.join(", ", CODECS.stream().map(CodecRecipe::label).toList())
                        + ", and of the default's components "
                        + String.join(", ", ABLATIONS.stream().map(CodecRecipe::label).toList())));
  }

  Sign sign() {
    if (has(Trait.SIGN_BESIDE)) {
      return Sign.BESIDE;
    }
    return has(Trait.SIGN_WITHIN) ? Sign.WITHIN : Sign.NONE;
  }

  boolean has(Trait trait) {
    return traits.contains(trait);
  }

  /**
   * Whether distortions of keys and values are in the same unit, the error of the attention output,
   * so that bits may move between them.
   */
  boolean comparable() {
    return has(Trait.ALLOTTED) && has(Trait.IMPORTANCE);
  }

  /** Whether two codecs have the same coordinates and scales, so that one pass serves both. */
  boolean sharesTransforms(CodecRecipe other) {
    return keys == other.keys
        && values == other.values
        && oneScale() == other.oneScale()
        && Stream.of(Trait.CENTRED, Trait.IMPORTANCE)
            .allMatch(trait -> has(trait) == other.has(trait));
  }

  /** Whether all channels of a head are measured in one unit. */
  boolean oneScale() {
    return tables == Tables.SHARED || tables == Tables.FLOAT8;
  }

  private CodecRecipe named(String newLabel, String newAbout) {
    return new CodecRecipe(newLabel, newAbout, keys, values, tables, traits, fixedBits);
  }

  private CodecRecipe coordinates(Coordinates ofKeys, Coordinates ofValues) {
    return new CodecRecipe(label, about, ofKeys, ofValues, tables, traits, fixedBits);
  }

  private CodecRecipe tables(Tables wanted) {
    return new CodecRecipe(label, about, keys, values, wanted, traits, fixedBits);
  }

  private CodecRecipe fixedBits(int wanted) {
    return new CodecRecipe(label, about, keys, values, tables, traits, wanted);
  }

  private CodecRecipe with(Trait trait) {
    return changed(Stream.concat(traits.stream(), Stream.of(trait)));
  }

  private CodecRecipe without(Trait left) {
    return changed(traits.stream().filter(trait -> trait != left));
  }

  private CodecRecipe changed(Stream<Trait> wanted) {
    return new CodecRecipe(
        label, about, keys, values, tables, Set.copyOf(wanted.toList()), fixedBits);
  }
}
