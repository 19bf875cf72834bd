package org.turboesm.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.RandomEsmModel;
import org.turboesm.esm2.TokenBatch;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.KvCodec;
import org.turboesm.kv.RandomCodec;

/**
 * The codec's algebra changes nothing: with random transforms A and B and random means, folded into
 * queries, keys, W_v, W_o and b_o, and with tables in which every token's value is its own
 * centroid, a pass over the packed cache gives what a pass in full precision gives. All engines
 * that can run here in f32 are held to it.
 */
class PackedAlgebraTest {
  private static final int LAYERS = 3;

  @TempDir Path folder;

  static Stream<Arguments> enginesAndHeadDims() {
    return EsmEngines.providers().stream()
        .filter(provider -> provider.unavailable().isEmpty())
        .filter(provider -> provider.precisions().contains(Precision.F32))
        .map(EsmEngineProvider::name)
        .flatMap(
            name -> Stream.of(16, 24, 32, 64, 128).map(headDim -> Arguments.of(name, headDim)));
  }

  @ParameterizedTest(name = "{0}, head_dim {1}")
  @MethodSource("enginesAndHeadDims")
  void turboEqualsEncodeWhenTheTablesHoldTheTokens(String engine, int headDim) {
    Model model = new Model(engine, headDim);

    assertThat(model.turboError(8)).isLessThan(model.limit());
  }

  @ParameterizedTest(name = "{0}, head_dim {1}")
  @MethodSource("enginesAndHeadDims")
  void turboWithOneBitLessIsSeen(String engine, int headDim) {
    Model model = new Model(engine, headDim);

    assertThat(model.turboError(7)).isGreaterThan(10 * model.limit());
  }

  @ParameterizedTest(name = "{0}, head_dim {1}")
  @MethodSource("enginesAndHeadDims")
  void prefillEqualsEncodeWhateverTheTables(String engine, int headDim) {
    Model model = new Model(engine, headDim);

    assertThat(model.prefillError(KvPrecision.PACKED)).isLessThan(model.limit());
    assertThat(model.prefillError(KvPrecision.FULL)).isLessThan(model.limit());
  }

  @ParameterizedTest(name = "{0}, head_dim {1}")
  @MethodSource("enginesAndHeadDims")
  void decodeOverPackedEqualsDecodeOverFullWhenTheTablesHoldTheTokens(String engine, int headDim) {
    Model model = new Model(engine, headDim);

    assertThat(model.decodeError(8, false)).as("without tail").isLessThan(model.decodeLimit());
    assertThat(model.decodeError(8, true)).as("with tail").isLessThan(model.decodeLimit());
  }

  @ParameterizedTest(name = "{0}, head_dim {1}")
  @MethodSource("enginesAndHeadDims")
  void decodeWithOneBitLessIsSeen(String engine, int headDim) {
    Model model = new Model(engine, headDim);

    assertThat(model.decodeError(7, false)).isGreaterThan(2 * model.decodeLimit());
  }

  /** A random model, three random proteins of 194 tokens together, and random transforms. */
  private final class Model {
    private static final long SEED = 20;

    private final String engine;
    private final EsmConfig config;
    private final List<int[]> proteins = new ArrayList<>();
    private final List<List<HeadCodec>> heads = new ArrayList<>();

    Model(String engine, int headDim) {
      this.engine = engine;
      this.config = RandomEsmModel.config(LAYERS, Math.max(1, 64 / headDim), headDim);
      RandomEsmModel.of(config, SEED).write(folder);
      SplittableRandom random = new SplittableRandom(SEED + headDim);
      for (int length : new int[] {120, 70, 4}) {
        proteins.add(RandomProteins.tokens(random, length));
      }
      for (int l = 0; l < LAYERS; l++) {
        heads.add(
            Stream.generate(() -> RandomCodec.maps(random, headDim))
                .limit(config.heads())
                .toList());
      }
    }

    /**
     * A decode kernel may hold values as bfloat16, which rounds them by at most 2^-9 of themselves,
     * and logits in steps that are finer still. The last LayerNorm's outputs are of order one, and
     * a layer's attention output is a part of what it normalizes.
     */
    double decodeLimit() {
      return limit() + LAYERS * 0x1p-9;
    }

    double turboError(int bits) {
      TokenBatch batch = TokenBatch.of(proteins);
      ObservedTokens observed = new ObservedTokens(config);
      try (EsmWeights weights = EsmWeights.open(folder);
          EsmEngine opened = EsmEngines.open(engine, "f32", weights)) {
        float[] expected = opened.encode(batch, observed);
        KvCodec codec = observed.codec(new KvCodec(heads, false), false, bits);
        try (TurboEngine turbo = opened.turbo(codec)) {
          return largestError(turbo.turbo(batch, ForwardObserver.NONE), expected);
        }
      }
    }

    double prefillError(KvPrecision precision) {
      TokenBatch batch = TokenBatch.of(proteins);
      try (EsmWeights weights = EsmWeights.open(folder);
          EsmEngine opened = EsmEngines.open(engine, "f32", weights);
          TurboEngine turbo = opened.turbo(new KvCodec(heads, true))) {
        float[] expected = opened.encode(batch, ForwardObserver.NONE);
        DecodeSession session =
            turbo.prefill(batch, batch.lengths(), precision, ForwardObserver.NONE);
        return largestError(session.prefixHidden(), expected);
      }
    }

    double decodeError(int bits, boolean tail) {
      ObservedTokens observed = new ObservedTokens(config);
      KvCodec transforms = new KvCodec(heads, tail);
      try (EsmWeights weights = EsmWeights.open(folder);
          EsmEngine opened = EsmEngines.open(engine, "f32", weights)) {
        float[] expected;
        try (TurboEngine turbo = opened.turbo(transforms)) {
          expected = decodeAll(turbo, KvPrecision.FULL, observed);
        }
        try (TurboEngine turbo = opened.turbo(observed.codec(transforms, true, bits))) {
          float[] found = decodeAll(turbo, KvPrecision.PACKED, ForwardObserver.NONE);
          return largestError(found, expected);
        }
      }
    }

    /** Prefills half of the two long proteins and decodes the rest in lockstep. */
    private float[] decodeAll(TurboEngine turbo, KvPrecision precision, ForwardObserver observer) {
      int[] first = proteins.get(0);
      int[] second = proteins.get(1);
      TokenBatch prefixes =
          TokenBatch.of(List.of(Arrays.copyOf(first, 60), Arrays.copyOf(second, 35)));
      DecodeSession session = turbo.prefill(prefixes, prefixes.lengths(), precision, observer);
      float[] all = new float[0];
      for (int step = 0; 60 + step < first.length; step++) {
        boolean both = 35 + step < second.length;
        int[] sequences = both ? new int[] {1, 0} : new int[] {0};
        int[] tokens =
            both ? new int[] {second[35 + step], first[60 + step]} : new int[] {first[60 + step]};
        float[] hidden = session.decode(sequences, tokens, observer);
        int end = all.length;
        all = Arrays.copyOf(all, end + hidden.length);
        System.arraycopy(hidden, 0, all, end, hidden.length);
      }
      return all;
    }

    /** The largest error of a token's hidden state, in relation to that state's length. */
    private double largestError(float[] found, float[] expected) {
      assertThat(found).hasSameSizeAs(expected);
      double largest = 0;
      for (int t = 0; t < found.length; t += config.hiddenSize()) {
        double error = 0;
        double length = 0;
        for (int i = t; i < t + config.hiddenSize(); i++) {
          error += Math.pow((double) found[i] - expected[i], 2);
          length += Math.pow(expected[i], 2);
        }
        largest = Math.max(largest, Math.sqrt(error / length));
      }
      return largest;
    }

    /**
     * A layer's largest sums have 4 hidden products, whose roundings are independent and add up
     * like the square root of that (Higham and Mary 2019); the codec's maps stretch them by 2, and
     * their inverses by 2 again. A layer of such weights passes the error of its input on at no
     * more than twice its size, so those of the layers add up as 1 + 2 + 4.
     */
    double limit() {
      double layer =
          Math.sqrt(4 * config.hiddenSize())
              * 0x1p-24
              * RandomCodec.LARGEST_STRETCH
              * RandomCodec.LARGEST_STRETCH;
      return ((1 << LAYERS) - 1) * layer;
    }
  }
}
