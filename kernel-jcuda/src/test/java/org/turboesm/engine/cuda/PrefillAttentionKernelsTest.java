package org.turboesm.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.turboesm.cuda.CudaContext;
import org.turboesm.cuda.CudaDriver;
import org.turboesm.cuda.CudaStream;
import org.turboesm.cuda.DeviceBuffer;
import org.turboesm.cuda.KernelLibrary;
import org.turboesm.engine.Precision;

/** Prefill attention on the device against plain loops in double. */
@Tag("cuda")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PrefillAttentionKernelsTest {
  private static final int[] HEAD_DIMS = {16, 24, 32, 64, 128};
  private static final int[] LENGTHS = {1, 2, 31, 32, 33, 127, 1022};
  private static final long SEED = 20260101;

  private final Map<String, PrefillAttentionKernels> kernels = new HashMap<>();
  private CudaContext context;
  private KernelLibrary library;
  private CudaStream stream;

  @BeforeAll
  void open() {
    context = CudaContext.open(CudaDriver.get().device(0));
    library = new KernelLibrary(context);
    stream = new CudaStream(context);
  }

  @AfterAll
  void close() {
    stream.close();
    library.close();
    context.close();
  }

  static Stream<Arguments> formats() {
    return Stream.of(Precision.F32, Precision.BF16, Precision.INT8)
        .flatMap(
            precision -> Arrays.stream(HEAD_DIMS).mapToObj(size -> Arguments.of(precision, size)));
  }

  /** One sequence alone; INT8's activations are BF16's. */
  static Stream<Arguments> sizes() {
    return Stream.concat(
        Stream.of(Precision.F32, Precision.BF16)
            .flatMap(
                precision ->
                    Arrays.stream(HEAD_DIMS)
                        .boxed()
                        .flatMap(
                            size ->
                                Arrays.stream(LENGTHS)
                                    .mapToObj(length -> Arguments.of(precision, size, length)))),
        Stream.of(Arguments.of(Precision.BF16, 64, 3000)));
  }

  @ParameterizedTest(name = "{0}, headDim {1}, length {2}")
  @MethodSource("sizes")
  void oneSequenceEqualsTheReference(Precision precision, int headDim, int length) {
    Batch batch = batch(precision, 1, headDim, new int[] {length});
    assertEqualsReference(batch, attend(batch));
  }

  @ParameterizedTest(name = "{0}, headDim {1}")
  @MethodSource("formats")
  void aRaggedBatchEqualsTheReference(Precision precision, int headDim) {
    Batch batch = batch(precision, 3, headDim, new int[] {1, 2, 31, 129, 32, 64, 33, 1, 127});
    assertEqualsReference(batch, attend(batch));
  }

  @ParameterizedTest(name = "{0}, headDim {1}")
  @MethodSource("formats")
  void aSequenceSeesNothingOfItsNeighbours(Precision precision, int headDim) {
    Batch alone = batch(precision, 2, headDim, new int[] {70});
    Batch among = batch(precision, 2, headDim, new int[] {65, 70, 33});
    int tokenSize = 2 * headDim;
    for (float[] part : new float[][] {among.queries(), among.keys(), among.values()}) {
      Arrays.fill(part, Float.NaN);
    }
    copy(alone.queries(), among.queries(), 65 * tokenSize);
    copy(alone.keys(), among.keys(), 65 * tokenSize);
    copy(alone.values(), among.values(), 65 * tokenSize);
    float[] expected = attend(alone);
    float[] actual =
        Arrays.copyOfRange(attend(among), 65 * tokenSize, 65 * tokenSize + expected.length);
    assertThat(actual).as("seed %d", SEED).isEqualTo(expected).doesNotContain(Float.NaN);
  }

  @ParameterizedTest(name = "{0}, headDim {1}")
  @MethodSource("formats")
  void logitsThatRiseFromTileToTileKeepTheLastKeys(Precision precision, int headDim) {
    Batch batch = batch(precision, 1, headDim, new int[] {200});
    // Logits are 2 t: exp of the largest overflows, and all but the last keys' weights vanish.
    Arrays.fill(batch.queries(), 1);
    for (int t = 0; t < 200; t++) {
      Arrays.fill(batch.keys(), t * headDim, (t + 1) * headDim, 2f * t / headDim);
    }
    new Activations(context, precision).round(batch.keys());
    assertEqualsReference(batch, attend(batch));
  }

  private static void copy(float[] source, float[] target, int offset) {
    System.arraycopy(source, 0, target, offset, source.length);
  }

  /** Queries, keys and values are [tokens, heads, headDim], and activations already. */
  private record Batch(
      Precision precision,
      int heads,
      int headDim,
      int[] cuSeqlens,
      float[] queries,
      float[] keys,
      float[] values) {}

  private Batch batch(Precision precision, int heads, int headDim, int[] lengths) {
    int[] cuSeqlens = new int[lengths.length + 1];
    for (int s = 0; s < lengths.length; s++) {
      cuSeqlens[s + 1] = cuSeqlens[s] + lengths[s];
    }
    Random random = new Random(SEED);
    int size = cuSeqlens[lengths.length] * heads * headDim;
    return new Batch(
        precision,
        heads,
        headDim,
        cuSeqlens,
        gaussians(random, precision, size, 2 / Math.sqrt(headDim)),
        gaussians(random, precision, size, 1),
        gaussians(random, precision, size, 1));
  }

  private float[] gaussians(Random random, Precision precision, int size, double scale) {
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = (float) (random.nextGaussian() * scale);
    }
    new Activations(context, precision).round(values);
    return values;
  }

  private float[] attend(Batch batch) {
    Activations activations = new Activations(context, batch.precision());
    PrefillAttentionKernels prefill =
        kernels.computeIfAbsent(
            batch.precision() + " " + batch.headDim(),
            key -> new PrefillAttentionKernels(library, batch.precision(), batch.headDim()));
    int[] tiles = prefill.tiling().tiles(batch.cuSeqlens());
    float[] unwritten = new float[batch.queries().length];
    Arrays.fill(unwritten, Float.NaN);
    try (DeviceBuffer queries = activations.upload(batch.queries(), "queries");
        DeviceBuffer keys = activations.upload(batch.keys(), "keys");
        DeviceBuffer values = activations.upload(batch.values(), "values");
        DeviceBuffer cuSeqlens = DeviceBuffer.of(context, batch.cuSeqlens(), "cuSeqlens");
        DeviceBuffer tileList = DeviceBuffer.of(context, tiles, "tiles");
        DeviceBuffer output = activations.upload(unwritten, "output")) {
      prefill.attend(
          stream,
          batch.heads(),
          queries,
          keys,
          values,
          cuSeqlens,
          tileList,
          tiles.length / 2,
          output);
      return activations.download(output, unwritten.length);
    }
  }

  private void assertEqualsReference(Batch batch, float[] actual) {
    Activations activations = new Activations(context, batch.precision());
    PrefillTiling tiling = PrefillTiling.of(batch.precision(), batch.headDim());
    double weightRoundoff = batch.precision() == Precision.F32 ? 0 : activations.roundoff();
    double worst = 0;
    for (int s = 0; s + 1 < batch.cuSeqlens().length; s++) {
      int first = batch.cuSeqlens()[s];
      int end = batch.cuSeqlens()[s + 1];
      int rescales = (end - first + tiling.keyTile() - 1) / tiling.keyTile();
      for (int query = first; query < end; query++) {
        for (int head = 0; head < batch.heads(); head++) {
          ExpectedAttention expected = expected(batch, query, head, first, end);
          for (int c = 0; c < batch.headDim(); c++) {
            double difference =
                Math.abs(actual[element(batch, query, head, c)] - expected.output()[c]);
            double limit =
                expected.limit(c, end - first, rescales, weightRoundoff, activations.roundoff());
            // Math.max carries NaN on, so that no result that is no number passes.
            worst = Math.max(worst, difference / limit);
          }
        }
      }
    }
    assertThat(worst).as("largest difference over its limit, seed %d", SEED).isLessThanOrEqualTo(1);
  }

  private static ExpectedAttention expected(Batch batch, int query, int head, int first, int end) {
    return ExpectedAttention.of(
        batch.queries(),
        element(batch, query, head, 0),
        batch.headDim(),
        first,
        end,
        (token, channel) -> batch.keys()[element(batch, token, head, channel)],
        (token, channel) -> batch.values()[element(batch, token, head, channel)]);
  }

  private static int element(Batch batch, int token, int head, int channel) {
    return (token * batch.heads() + head) * batch.headDim() + channel;
  }
}
