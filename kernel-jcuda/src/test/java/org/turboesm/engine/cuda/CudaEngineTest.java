package org.turboesm.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.BiConsumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.turboesm.engine.DecodeSession;
import org.turboesm.engine.DecodedBatch;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.EsmEngines;
import org.turboesm.engine.KvPrecision;
import org.turboesm.engine.LockstepDecoder;
import org.turboesm.engine.Pooling;
import org.turboesm.engine.Precision;
import org.turboesm.engine.Prefill;
import org.turboesm.engine.RandomProteins;
import org.turboesm.engine.RangeTally;
import org.turboesm.engine.RowErrors;
import org.turboesm.engine.TurboEngine;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.RandomEsmModel;
import org.turboesm.esm2.TokenBatch;
import org.turboesm.kv.ChannelRange;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.KvCodec;
import org.turboesm.kv.RandomCodec;
import org.turboesm.kv.RangeCounts;

/** The whole engine against the reference engine, on small models of random weights. */
@Tag("cuda")
class CudaEngineTest {
  private static final long SEED = 20260404;
  private static final int LAYERS = 2;
  private static final int HEADS = 2;
  private static final int HEAD_DIM = 24;

  /**
   * Sums of up to 192 floats in another order, about ten a layer: each is off by some 2^-24 * sqrt
   * (192) of its magnitude. Codes would differ where a value lies so near to a threshold; with this
   * seed none does.
   */
  private static final double FLOAT_LIMIT = 1e-5;

  @TempDir Path folder;
  private EsmWeights weights;
  private EsmEngine reference;
  private EsmEngine engine;

  @AfterEach
  void close() {
    engine.close();
    reference.close();
    weights.close();
  }

  private void open(Precision precision) {
    weights =
        EsmWeights.open(
            RandomEsmModel.of(RandomEsmModel.config(LAYERS, HEADS, HEAD_DIM), SEED).write(folder));
    reference = EsmEngines.open("reference", Precision.F32.label(), weights);
    engine = EsmEngines.open("cuda", precision.label(), weights);
  }

  private static TokenBatch batch(int... lengths) {
    SplittableRandom random = new SplittableRandom(SEED);
    return TokenBatch.of(
        Arrays.stream(lengths).mapToObj(length -> RandomProteins.tokens(random, length)).toList());
  }

  private static KvCodec codec(boolean tail) {
    SplittableRandom random = new SplittableRandom(SEED);
    List<List<HeadCodec>> layers = new ArrayList<>();
    for (int l = 0; l < LAYERS; l++) {
      layers.add(
          IntStream.range(0, HEADS)
              .mapToObj(
                  h ->
                      RandomCodec.head(
                          random,
                          RandomCodec.bits(random, HEAD_DIM),
                          RandomCodec.bits(random, HEAD_DIM)))
              .toList());
    }
    // One head whose values have a scale a token, beside others that have none.
    List<HeadCodec> last = new ArrayList<>(layers.get(LAYERS - 1));
    last.set(0, RandomCodec.withTokenScales(last.get(0)));
    layers.set(LAYERS - 1, last);
    return new KvCodec(layers, tail);
  }

  /** The length of the difference over the length of the reference. */
  private static double relativeError(float[] actual, float[] expected) {
    assertThat(actual).hasSameSizeAs(expected);
    double difference = 0;
    double square = 0;
    for (int i = 0; i < expected.length; i++) {
      difference += Math.pow(actual[i] - expected[i], 2);
      square += Math.pow(expected[i], 2);
    }
    return Math.sqrt(difference / square);
  }

  /**
   * bfloat16 rounds by 2^-9 at most, some ten times a layer, errors that add up like a random
   * walk's: 2^-9 * sqrt(20) = 9e-3. TF32 rounds factors by 2^-11. int8 rounds rows to 127 steps of
   * their largest value: about 0.8% of a value of usual size, eight times a layer.
   */
  @ParameterizedTest
  @CsvSource({"F32, 1e-5", "TF32, 4e-3", "BF16, 2e-2", "INT8, 6e-2"})
  void encodeEqualsTheReferenceWithinThePrecision(Precision precision, double limit) {
    open(precision);
    TokenBatch batch = batch(3, 34, 65, 2, 130);

    float[] actual = engine.encode(batch, ForwardObserver.NONE);

    assertThat(relativeError(actual, reference.encode(batch, ForwardObserver.NONE)))
        .isLessThan(limit);
  }

  @ParameterizedTest
  @CsvSource({"F32, 1e-5", "BF16, 1e-2", "INT8, 3e-2"})
  void attentionIsProjectedAndLogitsAreTakenAsByTheReference(Precision precision, double limit) {
    open(precision);
    TokenBatch batch = batch(40);
    float[] hidden = reference.encode(batch, ForwardObserver.NONE);

    assertThat(
            relativeError(
                engine.projectAttention(1, hidden, batch.size()),
                reference.projectAttention(1, hidden, batch.size())))
        .isLessThan(limit);
    assertThat(
            relativeError(
                engine.logits(hidden, batch.size()), reference.logits(hidden, batch.size())))
        .isLessThan(FLOAT_LIMIT);
  }

  /**
   * The rows that are compared leave another GEMM than those that come to the host, in F32 and INT8
   * equal but for the order of sums, in BF16 but for a unit in the last place, 2^-8. Lengths are
   * off by no more, and their squares by half of the roundings of sums of 48 squares: at most 2 + 4
   * + 5 additions, and 2 of the difference and its square.
   */
  @ParameterizedTest
  @CsvSource({"F32, 1e-5", "BF16, 0.00390625", "INT8, 1e-5"})
  void projectedErrorsAreThoseOfTheProjectedRows(Precision precision, double rounding) {
    open(precision);
    int rows = 41;
    SplittableRandom random = new SplittableRandom(SEED);
    float[] reference = RandomRows.normal(random, rows * HEADS * HEAD_DIM, 0, 1);
    float[] actual = RandomRows.normal(random, rows * HEADS * HEAD_DIM, 0, 0.1);
    for (int i = 0; i < actual.length; i++) {
      actual[i] += reference[i];
    }

    RowErrors found = engine.projectedErrors(1, reference, actual, rows);

    RowErrors expected =
        RowErrors.of(
            engine.projectAttention(1, reference, rows),
            engine.projectAttention(1, actual, rows),
            rows);
    for (int r = 0; r < rows; r++) {
      double length = Math.sqrt(expected.squaredReference()[r]);
      double error = Math.sqrt(expected.squaredError()[r]);
      assertThat(Math.sqrt(found.squaredReference()[r]))
          .as("row %d, seed %d", r, SEED)
          .isCloseTo(length, within((rounding + 7 * 0x1p-24) * length));
      // Of both rows, and the second is no longer than the first and the difference.
      assertThat(Math.sqrt(found.squaredError()[r]))
          .as("row %d, seed %d", r, SEED)
          .isCloseTo(error, within(rounding * (2 * length + error) + 7 * 0x1p-24 * error));
    }
  }

  @Test
  void observersSeeWhatTheReferenceShows() {
    open(Precision.F32);
    TokenBatch batch = batch(5, 33);
    Seen expected = new Seen();
    Seen actual = new Seen();

    reference.encode(batch, expected);
    engine.encode(batch, actual);

    assertThat(actual.names).isEqualTo(expected.names);
    for (int i = 0; i < expected.arrays.size(); i++) {
      assertThat(relativeError(actual.arrays.get(i), expected.arrays.get(i)))
          .as(expected.names.get(i))
          .isLessThan(FLOAT_LIMIT);
    }
  }

  /** Copies of all that a pass shows, in order. */
  private static final class Seen implements ForwardObserver {
    private final List<String> names = new ArrayList<>();
    private final List<float[]> arrays = new ArrayList<>();

    private void add(String name, float[] values) {
      names.add(name);
      arrays.add(values.clone());
    }

    @Override
    public void hiddenState(int index, float[] hidden) {
      add("hidden state " + index, hidden);
    }

    @Override
    public void attention(
        int layer, float[] queries, float[] keys, float[] values, float[] output) {
      add("queries " + layer, queries);
      add("keys " + layer, keys);
      add("values " + layer, values);
      add("output " + layer, output);
    }
  }

  @Test
  void turboEqualsTheReferenceAlsoWhereItIsSeen() {
    open(Precision.F32);
    TokenBatch batch = batch(3, 32, 33, 70);
    Seen expected = new Seen();
    Seen actual = new Seen();
    try (TurboEngine turbo = engine.turbo(codec(false));
        TurboEngine referenceTurbo = reference.turbo(codec(false))) {
      float[] unseen = turbo.turbo(batch, ForwardObserver.NONE);
      float[] hidden = turbo.turbo(batch, actual);
      float[] referenceHidden = referenceTurbo.turbo(batch, expected);

      assertThat(relativeError(hidden, referenceHidden)).isLessThan(FLOAT_LIMIT);
      assertThat(unseen).isEqualTo(hidden);
      for (int i = 0; i < expected.arrays.size(); i++) {
        assertThat(relativeError(actual.arrays.get(i), expected.arrays.get(i)))
            .as(expected.names.get(i))
            .isLessThan(FLOAT_LIMIT);
      }
    }
  }

  /** Steps of four, two and one rows: what is recorded for one shape must not serve another. */
  @ParameterizedTest
  @CsvSource({"PACKED, true", "PACKED, false", "FULL, true"})
  void decodeEqualsTheReference(KvPrecision precision, boolean tail) {
    open(Precision.F32);
    TokenBatch batch = batch(20, 70, 36, 5);
    Prefill prefill = Prefill.parse("0.4");
    try (TurboEngine turbo = engine.turbo(codec(tail));
        TurboEngine referenceTurbo = reference.turbo(codec(tail))) {
      DecodedBatch actual = LockstepDecoder.decode(turbo, batch, prefill, precision);
      DecodedBatch expected = LockstepDecoder.decode(referenceTurbo, batch, prefill, precision);

      assertThat(relativeError(actual.hidden(), expected.hidden())).isLessThan(FLOAT_LIMIT);
      assertThat(actual.cacheBytes()).isEqualTo(expected.cacheBytes());
    }
  }

  @ParameterizedTest
  @EnumSource(KvPrecision.class)
  void stepsThatAreSeenEqualThoseOfGraphs(KvPrecision precision) {
    open(Precision.F32);
    TokenBatch batch = batch(12, 40, 36);
    Prefill prefill = Prefill.parse("6");
    try (TurboEngine turbo = engine.turbo(codec(true))) {
      float[] unseen = LockstepDecoder.decode(turbo, batch, prefill, precision).hidden();
      Seen seen = new Seen();
      float[] watched =
          new LockstepDecoder(turbo, precision, rows -> seen).decode(batch, prefill).hidden();

      assertThat(watched).isEqualTo(unseen);
      // The rows of a step that are padding are not shown: 3 prefixes, then at most 3 rows.
      assertThat(seen.arrays.get(seen.arrays.size() - 1)).hasSize(HEADS * HEAD_DIM);
    }
  }

  /** One protein, many, and some so short that a block of tokens holds several. */
  @ParameterizedTest
  @ValueSource(strings = {"3", "3 34 65 3 130", "40 4 4 5 3"})
  void meanEmbeddingsEqualThoseOfTheHiddenStates(String lengths) {
    open(Precision.F32);
    TokenBatch batch =
        batch(Arrays.stream(lengths.split(" ")).mapToInt(Integer::parseInt).toArray());
    RangeTally tally = new RangeTally();
    RangeTally tallyOfStates = new RangeTally();
    try (TurboEngine turbo = engine.turbo(codec(true))) {
      checkMeans(
          engine.meanEmbeddings(batch, ForwardObserver.NONE),
          engine.encode(batch, ForwardObserver.NONE),
          batch);
      checkMeans(
          turbo.meanEmbeddings(batch, ForwardObserver.NONE, tally),
          turbo.turbo(batch, ForwardObserver.NONE, tallyOfStates),
          batch);
    }
    assertThat(tally.counts()).isEqualTo(tallyOfStates.counts());
  }

  /**
   * The device adds up to 128 floats in up to 8 + 16 additions, divides, and the host rounds once:
   * each is off by half a unit in the last place of the magnitudes' sum.
   */
  private static void checkMeans(float[] means, float[] hidden, TokenBatch batch) {
    float[] expected = Pooling.means(hidden, batch);
    float[] magnitudes = hidden.clone();
    for (int i = 0; i < magnitudes.length; i++) {
      magnitudes[i] = Math.abs(magnitudes[i]);
    }
    float[] meanMagnitudes = Pooling.means(magnitudes, batch);
    assertThat(means).hasSameSizeAs(expected);
    for (int i = 0; i < means.length; i++) {
      assertThat(Math.abs(means[i] - expected[i]))
          .as("mean %d, seed %d", i, SEED)
          .isLessThanOrEqualTo(26 * 0x1p-24f * meanMagnitudes[i]);
    }
  }

  @Test
  void whatLeavesTheCalibratedRangeIsCountedAsByTheReferenceInTurbo() {
    open(Precision.F32);
    TokenBatch batch = batch(3, 32, 33, 70);
    KvCodec codec = withRanges(codec(false), 0);
    requireNoneNearAnEnd(codec, (turbo, tally) -> turbo.turbo(batch, ForwardObserver.NONE, tally));
    try (TurboEngine turbo = engine.turbo(codec);
        TurboEngine referenceTurbo = reference.turbo(codec)) {
      RangeTally actual = new RangeTally();
      RangeTally observed = new RangeTally();
      RangeTally expected = new RangeTally();
      float[] hidden = turbo.turbo(batch, ForwardObserver.NONE, actual);
      turbo.turbo(batch, new Seen(), observed);
      referenceTurbo.turbo(batch, ForwardObserver.NONE, expected);

      assertThat(actual.counts()).as("seed %d", SEED).isEqualTo(expected.counts());
      assertThat(observed.counts()).isEqualTo(expected.counts());
      assertThat(actual.counts().outside()).isPositive();
      assertThat(actual.counts().share()).isLessThan(0.5);
      assertThat(hidden).isEqualTo(turbo.turbo(batch, ForwardObserver.NONE));
    }
  }

  /** Prefixes, steps that are run, and steps of a graph. */
  @ParameterizedTest
  @CsvSource({"true", "false"})
  void whatLeavesTheCalibratedRangeIsCountedAsByTheReferenceInDecode(boolean tail) {
    open(Precision.F32);
    TokenBatch batch = batch(20, 70, 36, 5);
    KvCodec codec = withRanges(codec(tail), 0);
    Prefill prefill = Prefill.parse("0.4");
    requireNoneNearAnEnd(
        codec,
        (turbo, tally) -> decode(turbo, LockstepDecoder.Observer.NONE, tally, batch, prefill));
    try (TurboEngine turbo = engine.turbo(codec);
        TurboEngine referenceTurbo = reference.turbo(codec)) {
      RangeTally actual = new RangeTally();
      RangeTally seen = new RangeTally();
      RangeTally expected = new RangeTally();
      decode(turbo, LockstepDecoder.Observer.NONE, actual, batch, prefill);
      decode(turbo, rows -> new Seen(), seen, batch, prefill);
      decode(referenceTurbo, LockstepDecoder.Observer.NONE, expected, batch, prefill);

      assertThat(actual.counts()).as("seed %d", SEED).isEqualTo(expected.counts());
      assertThat(seen.counts()).isEqualTo(expected.counts());
      // The first token of every eight: 3, 9, 5 and 1, in two layers' keys and one's values.
      assertThat(actual.counts().lookedAt()).isEqualTo(18L * HEADS * HEAD_DIM * 3);
      assertThat(actual.counts().outside()).isPositive();
    }
  }

  @Test
  void overFullPrecisionCachesNothingIsCounted() {
    open(Precision.F32);
    TokenBatch batch = batch(9, 12);
    KvCodec codec = withRanges(codec(true), 0);
    try (TurboEngine turbo = engine.turbo(codec);
        TurboEngine referenceTurbo = reference.turbo(codec)) {
      for (TurboEngine each : List.of(turbo, referenceTurbo)) {
        RangeTally tally = new RangeTally();
        new LockstepDecoder(each, KvPrecision.FULL, LockstepDecoder.Observer.NONE, tally)
            .decode(batch, Prefill.parse("6"));
        assertThat(tally.counts()).isEqualTo(RangeCounts.NONE);
      }
    }
  }

  private static void decode(
      TurboEngine turbo,
      LockstepDecoder.Observer observer,
      RangeTally tally,
      TokenBatch batch,
      Prefill prefill) {
    new LockstepDecoder(turbo, KvPrecision.PACKED, observer, tally).decode(batch, prefill);
  }

  /**
   * With this seed no key or value lies so near to an end of its range that rounding could move it
   * over: counts stay the same with all ranges wider or narrower by ten times what floats are off.
   */
  private void requireNoneNearAnEnd(KvCodec codec, BiConsumer<TurboEngine, RangeTally> run) {
    List<RangeCounts> counts = new ArrayList<>();
    for (double wider : new double[] {-10 * FLOAT_LIMIT, 0, 10 * FLOAT_LIMIT}) {
      try (TurboEngine turbo = reference.turbo(withRanges(codec, wider))) {
        RangeTally tally = new RangeTally();
        run.accept(turbo, tally);
        counts.add(tally.counts());
      }
    }
    assertThat(counts).as("seed %d", SEED).containsOnly(counts.get(0));
  }

  /** The same codec with calibrated ranges. */
  private static KvCodec withRanges(KvCodec codec, double wider) {
    SplittableRandom random = new SplittableRandom(SEED);
    return new KvCodec(
        codec.heads().stream()
            .map(
                layer ->
                    layer.stream()
                        .map(
                            head ->
                                RandomCodec.withRanges(
                                    head, range(random, wider), range(random, wider)))
                        .toList())
            .toList(),
        codec.tail());
  }

  private static ChannelRange range(SplittableRandom random, double wider) {
    float[] lowest = new float[HEAD_DIM];
    float[] highest = new float[HEAD_DIM];
    for (int c = 0; c < HEAD_DIM; c++) {
      lowest[c] = (float) (random.nextDouble(-3, -1) - wider);
      highest[c] = (float) (random.nextDouble(1, 3) + wider);
    }
    return new ChannelRange(lowest, highest);
  }

  @Test
  void aSessionRefusesMoreThanItsCapacityAndASequenceTwiceInAStep() {
    open(Precision.F32);
    TokenBatch batch = batch(4, 6);
    try (TurboEngine turbo = engine.turbo(codec(true));
        DecodeSession session =
            turbo.prefill(batch, new int[] {5, 6}, KvPrecision.PACKED, ForwardObserver.NONE)) {
      assertThatThrownBy(
              () -> session.decode(new int[] {0, 0}, new int[] {5, 5}, ForwardObserver.NONE))
          .isInstanceOf(IllegalArgumentException.class);

      session.decode(new int[] {0}, new int[] {5}, ForwardObserver.NONE);

      assertThatThrownBy(() -> session.decode(new int[] {0}, new int[] {5}, ForwardObserver.NONE))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("5 tokens");
    }
  }

  @Test
  void sequencesOfDifferentProteinsDoNotTouchEachOther() {
    open(Precision.F32);
    TokenBatch together = batch(40, 70, 33);
    int[] second = Arrays.copyOfRange(together.tokens(), 40, 110);
    Prefill prefill = Prefill.parse("20");
    try (TurboEngine turbo = engine.turbo(codec(true))) {
      float[] all = LockstepDecoder.decode(turbo, together, prefill, KvPrecision.PACKED).hidden();
      float[] alone =
          LockstepDecoder.decode(turbo, TokenBatch.of(List.of(second)), prefill, KvPrecision.PACKED)
              .hidden();

      int hidden = HEADS * HEAD_DIM;
      assertThat(relativeError(Arrays.copyOfRange(all, 40 * hidden, 110 * hidden), alone))
          .isLessThan(FLOAT_LIMIT);
    }
  }
}
