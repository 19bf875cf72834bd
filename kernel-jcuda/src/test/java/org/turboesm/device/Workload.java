package org.turboesm.device;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.turboesm.engine.RandomProteins;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.RandomEsmModel;
import org.turboesm.esm2.TokenBatch;

/**
 * How large what is timed is: true sizes, or tiny ones to check that all works.
 *
 * @param model ESM-2's 650M, or two layers
 * @param batchTokens of an encode batch
 * @param longestProtein in tokens
 * @param decodeShapes of decode attention
 * @param stepBatch sequences that a decode step decodes
 * @param stepPrefix tokens in the cache before
 * @param copyBytes of the copy that is timed
 * @param productSize rows, columns and inner size of the product that is timed
 * @param rotatedBytes what the inputs of timed runs add up to at least, several times the second
 *     level cache, so that no run finds its own there
 * @param repeats runs of which the median is taken
 */
public record Workload(
    EsmConfig model,
    int batchTokens,
    int longestProtein,
    List<DecodeShape> decodeShapes,
    int stepBatch,
    int stepPrefix,
    long copyBytes,
    int productSize,
    long rotatedBytes,
    int repeats) {

  /** Of every timed run's random numbers. */
  public static final long SEED = 20260101;

  /** So many sequences, each with so many tokens in its cache. */
  public record DecodeShape(int batch, int kvLen) {}

  /** True sizes, or tiny ones. */
  public static Workload of(boolean small) {
    if (small) {
      return new Workload(
          RandomEsmModel.config(2, 2, 16),
          96,
          40,
          List.of(new DecodeShape(2, 64)),
          2,
          32,
          1 << 20,
          64,
          1 << 16,
          2);
    }
    List<DecodeShape> shapes = new ArrayList<>();
    for (int batch : new int[] {64, 512}) {
      for (int kvLen : new int[] {1024, 2048, 4096}) {
        shapes.add(new DecodeShape(batch, kvLen));
      }
    }
    return new Workload(
        RandomEsmModel.config(33, 20, 64),
        16384,
        1024,
        shapes,
        64,
        512,
        1L << 30,
        8192,
        512L << 20,
        15);
  }

  /**
   * Random proteins whose lengths are log-normal around 270 residues, about UniRef50's, cut off at
   * the longest, until they fill the batch.
   */
  public TokenBatch proteins() {
    SplittableRandom random = new SplittableRandom(SEED);
    List<int[]> proteins = new ArrayList<>();
    int left = batchTokens;
    while (left > 2) {
      int drawn = (int) (270 * Math.exp(0.6 * random.nextGaussian()));
      int length = Math.min(left, Math.max(3, Math.min(longestProtein, drawn)));
      proteins.add(RandomProteins.tokens(random, length));
      left -= length;
    }
    return TokenBatch.of(proteins);
  }
}
