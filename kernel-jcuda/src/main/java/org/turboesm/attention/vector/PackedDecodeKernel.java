package org.turboesm.attention.vector;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import org.turboesm.attention.AttentionState;
import org.turboesm.kv.Codebook;
import org.turboesm.kv.PackedKvBlocks;

/**
 * One query over packed blocks, without a dequantized copy of them. Channel by channel, so that a
 * channel's table stays in registers over all blocks: keys are looked up in a table already
 * multiplied by the query, and a logit is a sum of look-ups; values are looked up and weighted.
 */
final class PackedDecodeKernel {
  private static final int BLOCK = Lanes.BLOCK;

  private final int[] words;
  private final int wordsPerBlock;
  private final int padded;

  private PackedDecodeKernel(PackedKvBlocks cache) {
    this.words = cache.words();
    this.wordsPerBlock = cache.layout().wordsPerBlock();
    this.padded = Lanes.roundUp(cache.packedLength(), BLOCK);
  }

  static void decode(float[] query, int queryOffset, PackedKvBlocks cache, AttentionState state) {
    int length = cache.packedLength();
    if (length == 0) {
      return;
    }
    PackedDecodeKernel kernel = new PackedDecodeKernel(cache);
    float[] weights = new float[kernel.padded];
    kernel.addLogits(query, queryOffset, cache.codec().keyCodebook(), weights);
    float max = state.raiseMax(Softmax.maxAndPad(weights, 0, length, kernel.padded));
    state.addDenominator(Softmax.exponentials(weights, 0, kernel.padded, max));
    kernel.addValues(
        weights, cache.codec().valueCodebook(), cache.layout().valueWordsOffset(), state.output());
  }

  private void addLogits(float[] query, int queryOffset, Codebook codebook, float[] logits) {
    int plane = 0;
    float constant = 0;
    for (int c = 0; c < codebook.headDim(); c++) {
      int bits = codebook.bits(c);
      float q = query[queryOffset + c];
      if (bits == 0) {
        constant += q * codebook.centroid(c, 0);
      } else {
        addChannel(plane, bits, q, codebook.centroids(), codebook.offset(c), logits);
      }
      plane += bits;
    }
    if (constant != 0) {
      for (int t = 0; t < padded; t += Lanes.COUNT) {
        Lanes.load(logits, t).add(constant).intoArray(logits, t);
      }
    }
  }

  private void addChannel(
      int plane, int bits, float q, float[] centroids, int table, float[] logits) {
    float[] products = new float[1 << bits];
    for (int i = 0; i < products.length; i++) {
      products[i] = q * centroids[table + i];
    }
    switch (bits) {
      case 1 -> addOneBit(plane, products, logits);
      case 2 -> addTwoBits(plane, products, logits);
      case 3 -> addThreeBits(plane, products, logits);
      default -> addManyBits(plane, bits, TableLookup.tableBits(products, 0, bits, 1f), logits);
    }
  }

  private void addOneBit(int plane, float[] table, float[] logits) {
    IntVector t0 = TableLookup.entry(table, 0);
    IntVector t1 = TableLookup.entry(table, 1);
    for (int v = 0; v < Lanes.VECTORS_PER_BLOCK; v++) {
      IntVector tokenBits = Lanes.tokenBits(v);
      int word = plane;
      for (int t = v * Lanes.COUNT; t < padded; t += BLOCK, word += wordsPerBlock) {
        Lanes.load(logits, t)
            .add(TableLookup.oneBit(words[word], tokenBits, t0, t1))
            .intoArray(logits, t);
      }
    }
  }

  private void addTwoBits(int plane, float[] table, float[] logits) {
    IntVector t0 = TableLookup.entry(table, 0);
    IntVector t1 = TableLookup.entry(table, 1);
    IntVector t2 = TableLookup.entry(table, 2);
    IntVector t3 = TableLookup.entry(table, 3);
    for (int v = 0; v < Lanes.VECTORS_PER_BLOCK; v++) {
      IntVector tokenBits = Lanes.tokenBits(v);
      int word = plane;
      for (int t = v * Lanes.COUNT; t < padded; t += BLOCK, word += wordsPerBlock) {
        Lanes.load(logits, t)
            .add(TableLookup.twoBits(words[word], words[word + 1], tokenBits, t0, t1, t2, t3))
            .intoArray(logits, t);
      }
    }
  }

  private void addThreeBits(int plane, float[] table, float[] logits) {
    IntVector t0 = TableLookup.entry(table, 0);
    IntVector t1 = TableLookup.entry(table, 1);
    IntVector t2 = TableLookup.entry(table, 2);
    IntVector t3 = TableLookup.entry(table, 3);
    IntVector t4 = TableLookup.entry(table, 4);
    IntVector t5 = TableLookup.entry(table, 5);
    IntVector t6 = TableLookup.entry(table, 6);
    IntVector t7 = TableLookup.entry(table, 7);
    for (int v = 0; v < Lanes.VECTORS_PER_BLOCK; v++) {
      IntVector tokenBits = Lanes.tokenBits(v);
      int word = plane;
      for (int t = v * Lanes.COUNT; t < padded; t += BLOCK, word += wordsPerBlock) {
        Lanes.load(logits, t)
            .add(
                TableLookup.threeBits(
                    words[word],
                    words[word + 1],
                    words[word + 2],
                    tokenBits,
                    t0,
                    t1,
                    t2,
                    t3,
                    t4,
                    t5,
                    t6,
                    t7))
            .intoArray(logits, t);
      }
    }
  }

  private void addManyBits(int plane, int bits, int[] table, float[] logits) {
    IntVector laneNumbers = TableLookup.laneNumbers();
    int word = plane;
    for (int first = 0; first < padded; first += BLOCK, word += wordsPerBlock) {
      for (int v = 0; v < BLOCK; v += Lanes.COUNT) {
        Lanes.load(logits, first + v)
            .add(TableLookup.manyBits(words, word, bits, v, laneNumbers, table))
            .intoArray(logits, first + v);
      }
    }
  }

  private void addValues(float[] weights, Codebook codebook, int firstPlane, float[] output) {
    float total = sum(weights);
    int plane = firstPlane;
    for (int c = 0; c < codebook.headDim(); c++) {
      int bits = codebook.bits(c);
      float[] table = codebook.centroids();
      int offset = codebook.offset(c);
      output[c] +=
          switch (bits) {
            case 0 -> total * table[offset];
            case 1 -> sumOneBit(plane, table, offset, weights);
            case 2 -> sumTwoBits(plane, table, offset, weights);
            case 3 -> sumThreeBits(plane, table, offset, weights);
            default ->
                sumManyBits(plane, bits, TableLookup.tableBits(table, offset, bits, 1f), weights);
          };
      plane += bits;
    }
  }

  private float sum(float[] weights) {
    FloatVector sum = Lanes.broadcast(0);
    for (int t = 0; t < padded; t += Lanes.COUNT) {
      sum = sum.add(Lanes.load(weights, t));
    }
    return sum.reduceLanes(VectorOperators.ADD);
  }

  private float sumOneBit(int plane, float[] table, int offset, float[] weights) {
    IntVector t0 = TableLookup.entry(table, offset);
    IntVector t1 = TableLookup.entry(table, offset + 1);
    FloatVector sum = Lanes.broadcast(0);
    for (int v = 0; v < Lanes.VECTORS_PER_BLOCK; v++) {
      IntVector tokenBits = Lanes.tokenBits(v);
      int word = plane;
      for (int t = v * Lanes.COUNT; t < padded; t += BLOCK, word += wordsPerBlock) {
        sum = TableLookup.oneBit(words[word], tokenBits, t0, t1).fma(Lanes.load(weights, t), sum);
      }
    }
    return sum.reduceLanes(VectorOperators.ADD);
  }

  private float sumTwoBits(int plane, float[] table, int offset, float[] weights) {
    IntVector t0 = TableLookup.entry(table, offset);
    IntVector t1 = TableLookup.entry(table, offset + 1);
    IntVector t2 = TableLookup.entry(table, offset + 2);
    IntVector t3 = TableLookup.entry(table, offset + 3);
    FloatVector sum = Lanes.broadcast(0);
    for (int v = 0; v < Lanes.VECTORS_PER_BLOCK; v++) {
      IntVector tokenBits = Lanes.tokenBits(v);
      int word = plane;
      for (int t = v * Lanes.COUNT; t < padded; t += BLOCK, word += wordsPerBlock) {
        sum =
            TableLookup.twoBits(words[word], words[word + 1], tokenBits, t0, t1, t2, t3)
                .fma(Lanes.load(weights, t), sum);
      }
    }
    return sum.reduceLanes(VectorOperators.ADD);
  }

  private float sumThreeBits(int plane, float[] table, int offset, float[] weights) {
    IntVector t0 = TableLookup.entry(table, offset);
    IntVector t1 = TableLookup.entry(table, offset + 1);
    IntVector t2 = TableLookup.entry(table, offset + 2);
    IntVector t3 = TableLookup.entry(table, offset + 3);
    IntVector t4 = TableLookup.entry(table, offset + 4);
    IntVector t5 = TableLookup.entry(table, offset + 5);
    IntVector t6 = TableLookup.entry(table, offset + 6);
    IntVector t7 = TableLookup.entry(table, offset + 7);
    FloatVector sum = Lanes.broadcast(0);
    for (int v = 0; v < Lanes.VECTORS_PER_BLOCK; v++) {
      IntVector tokenBits = Lanes.tokenBits(v);
      int word = plane;
      for (int t = v * Lanes.COUNT; t < padded; t += BLOCK, word += wordsPerBlock) {
        sum =
            TableLookup.threeBits(
                    words[word],
                    words[word + 1],
                    words[word + 2],
                    tokenBits,
                    t0,
                    t1,
                    t2,
                    t3,
                    t4,
                    t5,
                    t6,
                    t7)
                .fma(Lanes.load(weights, t), sum);
      }
    }
    return sum.reduceLanes(VectorOperators.ADD);
  }

  private float sumManyBits(int plane, int bits, int[] table, float[] weights) {
    IntVector laneNumbers = TableLookup.laneNumbers();
    FloatVector sum = Lanes.broadcast(0);
    int word = plane;
    for (int first = 0; first < padded; first += BLOCK, word += wordsPerBlock) {
      for (int v = 0; v < BLOCK; v += Lanes.COUNT) {
        sum =
            TableLookup.manyBits(words, word, bits, v, laneNumbers, table)
                .fma(Lanes.load(weights, first + v), sum);
      }
    }
    return sum.reduceLanes(VectorOperators.ADD);
  }
}
