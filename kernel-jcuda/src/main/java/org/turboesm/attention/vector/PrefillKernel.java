package org.turboesm.attention.vector;

import java.util.Arrays;
import org.turboesm.kv.PackedKvLayout;

/**
 * Bidirectional attention, one sequence and head after the other, four queries at a time: a tile's
 * logits over all keys, their softmax in place, and their product with the values. Keys are laid
 * out once a head in tiles of four vectors, channel by channel, so that both products are the same
 * {@link TileMultiply}.
 */
final class PrefillKernel {
  private static final int TILE_KEYS = TileMultiply.VECTORS * Lanes.COUNT;

  private final int heads;
  private final int headDim;
  private final int paddedHeadDim;
  private final float[] keyTiles;
  private final float[] paddedValues;
  private final float[] queryTile;
  private final float[] weights;
  private final float[] outputTile;

  /** Scratch for sequences of up to {@code maxLength} tokens. */
  PrefillKernel(int heads, int headDim, int maxLength) {
    int padded = Lanes.roundUp(maxLength, TILE_KEYS);
    this.heads = heads;
    this.headDim = headDim;
    this.paddedHeadDim = Lanes.roundUp(headDim, Lanes.COUNT);
    this.keyTiles = new float[padded * headDim];
    this.paddedValues = new float[padded * paddedHeadDim];
    this.queryTile = new float[TileMultiply.ROWS * headDim];
    this.weights = new float[TileMultiply.ROWS * padded];
    this.outputTile = new float[TileMultiply.ROWS * paddedHeadDim];
  }

  /** Attention of one sequence and head; arrays are [tokens, heads, headDim]. */
  void attend(
      int start,
      int length,
      int head,
      float[] queries,
      float[] keys,
      float[] values,
      float[] output) {
    int padded = Lanes.roundUp(length, TILE_KEYS);
    layOutKeys(start, length, head, keys);
    layOutValues(start, length, padded, head, values);
    for (int t = 0; t < length; t += TileMultiply.ROWS) {
      int rows = Math.min(TileMultiply.ROWS, length - t);
      loadQueries(start + t, rows, head, queries);
      for (int key = 0; key < padded; key += TILE_KEYS) {
        TileMultiply.multiply(
            queryTile,
            headDim,
            keyTiles,
            key * headDim,
            TILE_KEYS,
            headDim,
            TileMultiply.VECTORS,
            weights,
            key,
            padded);
      }
      float[] scales = new float[TileMultiply.ROWS];
      for (int r = 0; r < TileMultiply.ROWS; r++) {
        float max = Softmax.maxAndPad(weights, r * padded, length, padded);
        scales[r] = 1 / Softmax.exponentials(weights, r * padded, padded, max);
      }
      TileMultiply.multiply(
          weights,
          padded,
          paddedValues,
          0,
          paddedHeadDim,
          length,
          paddedHeadDim / Lanes.COUNT,
          outputTile,
          0,
          paddedHeadDim);
      storeOutput(start + t, rows, head, scales, output);
    }
  }

  private void layOutKeys(int start, int length, int head, float[] keys) {
    for (int tile = 0; tile < length; tile += TILE_KEYS) {
      int count = Math.min(TILE_KEYS, length - tile);
      for (int first = 0; first < count; first += PackedKvLayout.BLOCK_TOKENS) {
        int last = Math.min(count, first + PackedKvLayout.BLOCK_TOKENS);
        for (int c = 0; c < headDim; c++) {
          int target = tile * headDim + c * TILE_KEYS;
          int source = ((start + tile) * heads + head) * headDim + c;
          for (int t = first; t < last; t++) {
            keyTiles[target + t] = keys[source + t * heads * headDim];
          }
        }
      }
    }
  }

  private void layOutValues(int start, int length, int padded, int head, float[] values) {
    for (int t = 0; t < length; t++) {
      int source = ((start + t) * heads + head) * headDim;
      System.arraycopy(values, source, paddedValues, t * paddedHeadDim, headDim);
    }
    Arrays.fill(paddedValues, length * paddedHeadDim, padded * paddedHeadDim, 0);
  }

  private void loadQueries(int firstToken, int rows, int head, float[] queries) {
    for (int r = 0; r < rows; r++) {
      int source = ((firstToken + r) * heads + head) * headDim;
      System.arraycopy(queries, source, queryTile, r * headDim, headDim);
    }
  }

  private void storeOutput(int firstToken, int rows, int head, float[] scales, float[] output) {
    for (int r = 0; r < rows; r++) {
      int target = ((firstToken + r) * heads + head) * headDim;
      for (int c = 0; c < headDim; c++) {
        output[target + c] = outputTile[r * paddedHeadDim + c] * scales[r];
      }
    }
  }
}
