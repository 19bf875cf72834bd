package org.turboesm.kv;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.turboesm.attention.reference.ReferenceAttentionKernels;

/** What caches and codecs weigh, over all layers and heads. */
class KvCacheBytesTest {
  private static final int HEAD_DIM = 16;

  /** Sizes of ESM-2 650M. */
  private static final int LARGE_LAYERS = 33;

  private static final int LARGE_HEADS = 20;
  private static final int LARGE_HEAD_DIM = 64;

  private static final float[] TOKEN = new float[HEAD_DIM];

  @Test
  void fullCacheTakesFloatsOfKeysAndValuesOfAllHeads() {
    FullKvCache cache = new FullKvCache(2, 3, HEAD_DIM, 0);
    for (int l = 0; l < 2; l++) {
      for (int h = 0; h < 3; h++) {
        append(cache.blocks(l, h), 5);
      }
    }

    assertThat(cache.length()).isEqualTo(5);
    assertThat(cache.bytes()).isEqualTo(2L * 2 * 3 * 5 * HEAD_DIM * 4);
  }

  @Test
  void packedCacheTakesTheSumOfItsHeads() {
    KvCodec codec = codec(true);
    PackedKvCache cache = new PackedKvCache(codec, 0);
    long expected = 0;
    for (int l = 0; l < 2; l++) {
      for (int h = 0; h < 2; h++) {
        append(cache.blocks(l, h), 40);
        expected += codec.head(l, h).layout().packedBytes(32) + 2 * 8 * HEAD_DIM * 4;
      }
    }

    assertThat(cache.length()).isEqualTo(40);
    assertThat(cache.bytes()).isEqualTo(expected);
  }

  @Test
  void codecSaysWhetherCachesHaveATail() {
    assertThat(new PackedKvCache(codec(true), 0).blocks(1, 1).tail()).isNotNull();
    assertThat(new PackedKvCache(codec(false), 0).blocks(1, 1).tail()).isNull();
  }

  @Test
  void bitsOfATokenAreTheSumOfAllLayersAndHeads() {
    // Heads of one layer are 3 + 3 and 2 + 1 bits a channel.
    assertThat(codec(true).packedBitsPerToken()).isEqualTo(2 * (6 + 3) * HEAD_DIM);
  }

  @Test
  void scalesOfValuesCountTwoBytesAToken() {
    HeadCodec plain = codec(false).head(0, 0);
    HeadCodec scaled = RandomCodec.withTokenScales(plain);
    KvCodec codec = new KvCodec(List.of(List.of(plain, scaled), List.of(scaled, scaled)), false);
    PackedKvCache cache = new PackedKvCache(codec, 0);
    for (int l = 0; l < 2; l++) {
      for (int h = 0; h < 2; h++) {
        append(cache.blocks(l, h), 40);
      }
    }

    assertThat(codec.packedBitsPerToken()).isEqualTo(4 * 6 * HEAD_DIM + 3 * 16);
    assertThat(cache.bytes()).isEqualTo(64L * (4 * 6 * HEAD_DIM + 3 * 16) / 8);
  }

  @Test
  void tablesWeighTheirCentroidsAndTheMapsThatDoNotFold() {
    HeadCodec head =
        RandomCodec.head(
            new SplittableRandom(1),
            RandomCodec.uniformBits(HEAD_DIM, 3),
            RandomCodec.uniformBits(HEAD_DIM, 2));

    assertThat(head.tableBytes())
        .isEqualTo(4 * (2 * (HEAD_DIM * HEAD_DIM + HEAD_DIM) + HEAD_DIM * (8 + 4)));
    assertThat(new KvCodec(List.of(List.of(head, head), List.of(head, head)), true).tableBytes())
        .isEqualTo(4 * head.tableBytes());
  }

  /** One layer of 20 heads of 64 channels, 33 times. */
  @Test
  void aThousandTokensOfTheLargeModelTakeTheMebibytesThatThePaperNames() {
    FullKvCache full = new FullKvCache(1, LARGE_HEADS, LARGE_HEAD_DIM, 0);
    PackedKvCache packed = new PackedKvCache(largeLayer(true), 0);
    appendToLargeLayer(full, packed, 1024);

    assertThat(mebibytes(full.bytes())).isEqualTo(330);
    // 3 of 32 bits: 30.94.
    assertThat(mebibytes(packed.bytes())).isEqualTo(330 * 3 / 32.0).isCloseTo(31, within(0.1));
  }

  @Test
  void theTailOfTheLargeModelIsCounted() {
    FullKvCache full = new FullKvCache(1, LARGE_HEADS, LARGE_HEAD_DIM, 0);
    PackedKvCache withTail = new PackedKvCache(largeLayer(true), 0);
    PackedKvCache without = new PackedKvCache(largeLayer(false), 0);
    appendToLargeLayer(full, withTail, 1023);
    appendToLargeLayer(full, without, 1023);

    // 31 blocks are packed, and 31 tokens of 330 MiB / 1,024 each are floats.
    assertThat(mebibytes(withTail.bytes()))
        .isEqualTo((330 * 3 / 32.0 * 31 * 32 + 330.0 * 31) / 1024);
    // Without one the last block is packed too, though not full.
    assertThat(mebibytes(without.bytes())).isEqualTo(330 * 3 / 32.0);
  }

  private static KvCodec largeLayer(boolean tail) {
    HeadCodec head =
        RandomCodec.head(
            new SplittableRandom(3),
            RandomCodec.uniformBits(LARGE_HEAD_DIM, 3),
            RandomCodec.uniformBits(LARGE_HEAD_DIM, 3));
    return new KvCodec(List.of(Collections.nCopies(LARGE_HEADS, head)), tail);
  }

  private static void appendToLargeLayer(FullKvCache full, PackedKvCache packed, int tokens) {
    float[] token = new float[LARGE_HEAD_DIM];
    ReferenceAttentionKernels kernels = new ReferenceAttentionKernels();
    for (int h = 0; h < LARGE_HEADS; h++) {
      for (int t = 0; t < tokens; t++) {
        full.blocks(0, h).append(token, 0, token, 0);
        packed.blocks(0, h).append(token, 0, token, 0, kernels);
      }
    }
  }

  private static double mebibytes(long bytesOfALayer) {
    return LARGE_LAYERS * bytesOfALayer / (double) (1 << 20);
  }

  private static KvCodec codec(boolean tail) {
    SplittableRandom random = new SplittableRandom(2);
    HeadCodec wide =
        RandomCodec.head(
            random, RandomCodec.uniformBits(HEAD_DIM, 3), RandomCodec.uniformBits(HEAD_DIM, 3));
    HeadCodec narrow =
        RandomCodec.head(
            random, RandomCodec.uniformBits(HEAD_DIM, 2), RandomCodec.uniformBits(HEAD_DIM, 1));
    return new KvCodec(List.of(List.of(wide, narrow), List.of(narrow, wide)), tail);
  }

  private static void append(FullKvBlocks blocks, int tokens) {
    for (int t = 0; t < tokens; t++) {
      blocks.append(TOKEN, 0, TOKEN, 0);
    }
  }

  private static void append(PackedKvBlocks blocks, int tokens) {
    for (int t = 0; t < tokens; t++) {
      blocks.append(TOKEN, 0, TOKEN, 0, new ReferenceAttentionKernels());
    }
  }
}
