package org.turboesm.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.turboesm.attention.reference.ReferenceAttentionKernels;
import org.turboesm.engine.reference.ReferenceOperators;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.EsmForward;
import org.turboesm.esm2.EsmTokenizer;
import org.turboesm.esm2.EsmWeights;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.RandomEsmModel;
import org.turboesm.esm2.TokenBatch;
import org.turboesm.kv.HeadCodec;
import org.turboesm.kv.KvCodec;
import org.turboesm.kv.RandomCodec;
import org.turboesm.kv.RangeCounts;

class HostDecodeSessionTest {
  private static final int HEADS = 2;
  private static final int HEAD_DIM = 16;
  private static final int HIDDEN = HEADS * HEAD_DIM;

  /** Some tens of float roundings of hidden states of unit variance, a layer. */
  private static final Offset<Float> ROUNDING = Offset.offset(2e-5f);

  @TempDir Path folder;
  private EsmWeights weights;
  private EsmEngine engine;
  private TurboEngine turbo;

  @AfterEach
  void close() {
    turbo.close();
    engine.close();
    weights.close();
  }

  @ParameterizedTest
  @EnumSource(KvPrecision.class)
  void prefillOfWholeProteinsGivesWhatEncodeGives(KvPrecision precision) {
    open(3, false);
    TokenBatch batch = TokenBatch.of(List.of(protein(1, 40), protein(2, 9)));

    DecodeSession session = turbo.prefill(batch, batch.lengths(), precision, ForwardObserver.NONE);

    assertThat(session.prefixHidden()).containsExactly(engine.encode(batch, ForwardObserver.NONE));
  }

  @Test
  void inAModelOfOneLayerDecodingATokenEqualsEncodingTheProteinUpToIt() {
    // The keys and values of the only layer depend on their own token alone.
    open(1, false);
    int[] protein = protein(3, 45);
    DecodeSession session = prefill(KvPrecision.FULL, Arrays.copyOf(protein, 5));

    for (int t = 5; t < protein.length; t++) {
      float[] decoded = session.decode(new int[] {0}, new int[] {protein[t]}, ForwardObserver.NONE);

      TokenBatch upToIt = TokenBatch.of(List.of(Arrays.copyOf(protein, t + 1)));
      assertThat(decoded)
          .as("token %d", t)
          .containsExactly(
              Arrays.copyOfRange(
                  engine.encode(upToIt, ForwardObserver.NONE), t * HIDDEN, (t + 1) * HIDDEN),
              ROUNDING);
    }
  }

  @Test
  void decodingEqualsAPlainLoopOverAllEarlierTokens() {
    open(3, false);
    int[] protein = protein(4, 50);
    float[] expected = decodePlainly(protein, 12);
    DecodeSession session = prefill(KvPrecision.FULL, Arrays.copyOf(protein, 12));

    for (int t = 12; t < protein.length; t++) {
      float[] decoded = session.decode(new int[] {0}, new int[] {protein[t]}, ForwardObserver.NONE);

      assertThat(decoded)
          .as("token %d", t)
          .containsExactly(
              Arrays.copyOfRange(expected, (t - 12) * HIDDEN, (t - 11) * HIDDEN), ROUNDING);
    }
  }

  @ParameterizedTest
  @EnumSource(KvPrecision.class)
  void sequencesInLockstepDecodeAsTheyDoAlone(KvPrecision precision) {
    open(2, false);
    int[][] proteins = {protein(5, 50), protein(6, 20), protein(7, 41)};
    int[] prefixes = {30, 3, 33};
    List<List<float[]>> alone = new ArrayList<>();
    for (int s = 0; s < 3; s++) {
      alone.add(decodeAlone(precision, proteins[s], prefixes[s]));
    }
    DecodeSession session =
        prefill(
            precision,
            Arrays.copyOf(proteins[0], 30),
            Arrays.copyOf(proteins[1], 3),
            Arrays.copyOf(proteins[2], 33));
    int[] decoded = new int[3];

    for (int step = 0; step < 40; step++) {
      List<Integer> open = new ArrayList<>();
      for (int s = 0; s < 3; s++) {
        if (prefixes[s] + decoded[s] < proteins[s].length && (step + s) % 3 != 0) {
          open.add(s);
        }
      }
      if (step % 2 == 0) {
        Collections.reverse(open);
      }
      int[] sequences = open.stream().mapToInt(Integer::intValue).toArray();
      int[] tokens = open.stream().mapToInt(s -> proteins[s][prefixes[s] + decoded[s]]).toArray();
      float[] hidden = session.decode(sequences, tokens, ForwardObserver.NONE);
      for (int i = 0; i < sequences.length; i++) {
        int s = sequences[i];
        assertThat(Arrays.copyOfRange(hidden, i * HIDDEN, (i + 1) * HIDDEN))
            .as("sequence %d, token %d", s, decoded[s])
            .containsExactly(alone.get(s).get(decoded[s]));
        decoded[s]++;
      }
    }
    assertThat(decoded).containsExactly(20, 17, 8);
  }

  @Test
  void fullCacheGrowsByTheFloatsOfEachToken() {
    open(2, false);
    DecodeSession session = prefill(KvPrecision.FULL, protein(8, 10), protein(9, 40));
    long tokenBytes = 2L * 2 * HIDDEN * 4;

    session.decode(new int[] {1}, new int[] {5}, ForwardObserver.NONE);

    assertThat(session.cacheBytes(0)).isEqualTo(10 * tokenBytes);
    assertThat(session.cacheBytes(1)).isEqualTo(41 * tokenBytes);
  }

  @Test
  void packedCacheIsFullBlocksAndTheTailsFloats() {
    open(2, true);
    DecodeSession session = prefill(KvPrecision.PACKED, protein(10, 31), protein(11, 40));

    session.decode(new int[] {0, 1}, new int[] {5, 6}, ForwardObserver.NONE);

    long blockBytes = 2 * HEADS * (3 + 3) * HEAD_DIM * 4;
    assertThat(session.cacheBytes(0)).isEqualTo(blockBytes);
    assertThat(session.cacheBytes(1)).isEqualTo(blockBytes + 9L * 2 * 2 * HIDDEN * 4);
  }

  @Test
  void packedCacheWithoutTailIsBlocksAlone() {
    open(2, false);
    DecodeSession session = prefill(KvPrecision.PACKED, protein(12, 31));
    long blockBytes = 2 * HEADS * (3 + 3) * HEAD_DIM * 4;

    session.decode(new int[] {0}, new int[] {5}, ForwardObserver.NONE);
    assertThat(session.cacheBytes(0)).isEqualTo(blockBytes);
    session.decode(new int[] {0}, new int[] {6}, ForwardObserver.NONE);
    assertThat(session.cacheBytes(0)).isEqualTo(2 * blockBytes);
  }

  @Test
  void untilABlockFillsACacheWithTailDecodesInFullPrecision() {
    open(3, true);
    int[] protein = protein(13, 31);

    List<float[]> packed = decodeAlone(KvPrecision.PACKED, protein, 4);

    List<float[]> full = decodeAlone(KvPrecision.FULL, protein, 4);
    for (int t = 0; t < packed.size(); t++) {
      assertThat(packed.get(t)).as("token %d", t).containsExactly(full.get(t), ROUNDING);
    }
  }

  @Test
  void whenABlockFillsItsTokensAreQuantized() {
    open(3, true);
    int[] protein = protein(14, 32);

    List<float[]> packed = decodeAlone(KvPrecision.PACKED, protein, 4);

    List<float[]> full = decodeAlone(KvPrecision.FULL, protein, 4);
    int last = packed.size() - 1;
    assertThat(distance(packed.get(last - 1), full.get(last - 1))).isLessThan(1e-4);
    assertThat(distance(packed.get(last), full.get(last))).isGreaterThan(1e-2);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void embeddingOfADecodedTokenIsThatOfTheWholeProtein(boolean masked) {
    open(1, false);
    int[] protein = protein(15, 20);
    protein[3] = EsmTokenizer.MASK;
    protein[12] = masked ? EsmTokenizer.MASK : protein[12];
    float[] whole = embedding(observer -> engine.encode(TokenBatch.of(List.of(protein)), observer));
    TokenBatch prefix =
        new TokenBatch(
            Arrays.copyOf(protein, 12),
            new int[] {0, 12},
            new int[1],
            new float[] {TokenBatch.maskedFraction(protein)});
    DecodeSession session =
        turbo.prefill(prefix, prefix.lengths(), KvPrecision.FULL, ForwardObserver.NONE);

    float[] decoded =
        embedding(observer -> session.decode(new int[] {0}, new int[] {protein[12]}, observer));

    assertThat(decoded).containsExactly(Arrays.copyOfRange(whole, 12 * HIDDEN, 13 * HIDDEN));
  }

  @Test
  void eachSequenceNeedsItsToken() {
    open(1, false);
    DecodeSession session = prefill(KvPrecision.FULL, protein(16, 5), protein(17, 5));

    assertThatThrownBy(() -> session.decode(new int[] {0, 1}, new int[] {5}, ForwardObserver.NONE))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aClosedSessionHasCountedTheTokensOfOnePassOnce() {
    open(2, true);
    int[] protein = protein(18, 26);
    RangeTally ofPass = new RangeTally();
    turbo.turbo(TokenBatch.of(List.of(protein)), ForwardObserver.NONE, ofPass);
    RangeTally tally = new RangeTally();
    DecodeSession session = prefill(KvPrecision.PACKED, tally, Arrays.copyOf(protein, 7));
    for (int t = 7; t < protein.length; t++) {
      session.decode(new int[] {0}, new int[] {protein[t]}, ForwardObserver.NONE);
    }
    assertThat(tally.counts()).isEqualTo(RangeCounts.NONE);

    session.close();
    session.close();

    // Tokens 0, 8, 16 and 24: keys of two layers, values of one.
    assertThat(tally.counts().lookedAt()).isEqualTo(4 * 3 * HIDDEN);
    assertThat(ofPass.counts().lookedAt()).isEqualTo(4 * 3 * HIDDEN);
  }

  @Test
  void overFullPrecisionCachesNothingIsCounted() {
    open(2, true);
    RangeTally tally = new RangeTally();
    prefill(KvPrecision.FULL, tally, protein(19, 9)).close();
    assertThat(tally.counts()).isEqualTo(RangeCounts.NONE);
  }

  /** A model whose codec changes no coordinates and has three coarse bits a channel. */
  private void open(int layers, boolean tail) {
    EsmConfig config = RandomEsmModel.config(layers, HEADS, HEAD_DIM);
    weights = EsmWeights.open(RandomEsmModel.of(config, 30).write(folder));
    engine = EsmEngines.open("reference", "f32", weights);
    SplittableRandom random = new SplittableRandom(30);
    HeadCodec head =
        RandomCodec.withTables(
            RandomCodec.identity(HEAD_DIM),
            RandomCodec.codebook(random, RandomCodec.uniformBits(HEAD_DIM, 3)),
            RandomCodec.codebook(random, RandomCodec.uniformBits(HEAD_DIM, 3)));
    turbo =
        engine.turbo(
            new KvCodec(Collections.nCopies(layers, Collections.nCopies(HEADS, head)), tail));
  }

  private DecodeSession prefill(KvPrecision precision, int[]... prefixes) {
    return prefill(precision, RangeTally.NONE, prefixes);
  }

  private DecodeSession prefill(KvPrecision precision, RangeTally tally, int[]... prefixes) {
    TokenBatch batch = TokenBatch.of(Arrays.asList(prefixes));
    return turbo.prefill(batch, batch.lengths(), precision, ForwardObserver.NONE, tally);
  }

  private List<float[]> decodeAlone(KvPrecision precision, int[] protein, int prefix) {
    DecodeSession session = prefill(precision, Arrays.copyOf(protein, prefix));
    List<float[]> hidden = new ArrayList<>();
    for (int t = prefix; t < protein.length; t++) {
      hidden.add(session.decode(new int[] {0}, new int[] {protein[t]}, ForwardObserver.NONE));
    }
    return hidden;
  }

  /**
   * Decode written anew: a growing list of keys and values a layer, and plain attention over it.
   */
  private float[] decodePlainly(int[] protein, int prefix) {
    int layers = engine.config().layers();
    float[][] keys = new float[layers][0];
    float[][] values = new float[layers][0];
    float[] all = new float[0];
    try (EsmForward forward = EsmForward.load(weights, new ReferenceOperators())) {
      for (int t = prefix - 1; t < protein.length; t++) {
        boolean isPrefix = t < prefix;
        int[] tokens = isPrefix ? Arrays.copyOf(protein, prefix) : new int[] {protein[t]};
        TokenBatch batch =
            new TokenBatch(
                tokens, new int[] {0, tokens.length}, new int[] {isPrefix ? 0 : t}, new float[1]);
        float[] hidden =
            forward.run(
                batch,
                (layer, queries, newKeys, newValues, output) -> {
                  keys[layer] = concat(keys[layer], newKeys);
                  values[layer] = concat(values[layer], newValues);
                  attend(queries, keys[layer], values[layer], output);
                },
                ForwardObserver.NONE);
        if (!isPrefix) {
          all = concat(all, hidden);
        }
      }
    }
    return all;
  }

  /** All queries over all keys: the queries stand for the last of the tokens. */
  private static void attend(float[] queries, float[] keys, float[] values, float[] output) {
    int missing = keys.length - queries.length;
    float[] allQueries = concat(new float[missing], queries);
    float[] allOutput = new float[keys.length];
    new ReferenceAttentionKernels()
        .prefill(
            HEADS,
            HEAD_DIM,
            new int[] {0, keys.length / HIDDEN},
            allQueries,
            keys,
            values,
            allOutput);
    System.arraycopy(allOutput, missing, output, 0, queries.length);
  }

  private static float[] concat(float[] first, float[] second) {
    float[] both = Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, both, first.length, second.length);
    return both;
  }

  @FunctionalInterface
  private interface Pass {
    float[] run(ForwardObserver observer);
  }

  private static float[] embedding(Pass pass) {
    List<float[]> embeddings = new ArrayList<>();
    float[] unused =
        pass.run(
            new ForwardObserver() {
              @Override
              public void hiddenState(int index, float[] hidden) {
                if (index == 0) {
                  embeddings.add(hidden.clone());
                }
              }
            });
    assertThat(unused).isNotEmpty();
    assertThat(embeddings).hasSize(1);
    return embeddings.get(0);
  }

  private static double distance(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += Math.pow((double) a[i] - b[i], 2);
    }
    return Math.sqrt(sum / a.length);
  }

  private static int[] protein(long seed, int length) {
    return RandomProteins.tokens(new SplittableRandom(seed), length);
  }
}
