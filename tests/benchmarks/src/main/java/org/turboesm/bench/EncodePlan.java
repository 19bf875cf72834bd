package org.turboesm.bench;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.turboesm.esm2.TokenBatch;

/**
 * Proteins dealt out as the Spark job deals them: sorted by length, one to each partition in turn,
 * there and back; within a partition batches of similar length up to a budget of tokens.
 *
 * @param partitions each partition's batches, the longest proteins first
 */
record EncodePlan(List<List<Batch>> partitions) {
  /** Tokens that the job gives a partition, and a batch. */
  private static final int PARTITION_TOKENS = 16_384;

  private static final int BATCH_TOKENS = 8192;

  /**
   * Proteins that are run together.
   *
   * @param proteins their indices, in the order of the batch's sequences
   */
  record Batch(List<Integer> proteins, TokenBatch tokens) {}

  /**
   * @param tokenized the proteins' tokens
   * @param parallelism how many partitions run at once
   */
  static EncodePlan of(List<int[]> tokenized, int parallelism) {
    long tokens = tokenized.stream().mapToLong(protein -> protein.length).sum();
    long forTarget = (tokens + PARTITION_TOKENS - 1) / PARTITION_TOKENS;
    int count = (int) Math.min(Math.max(forTarget, 2L * parallelism), tokenized.size());
    List<Integer> longestFirst =
        IntStream.range(0, tokenized.size())
            .boxed()
            .sorted(Comparator.comparingInt((Integer i) -> tokenized.get(i).length).reversed())
            .toList();
    List<List<Integer>> dealt = new ArrayList<>();
    for (int p = 0; p < count; p++) {
      dealt.add(new ArrayList<>());
    }
    for (int rank = 0; rank < longestFirst.size(); rank++) {
      int seat = rank % count;
      dealt.get(rank / count % 2 == 0 ? seat : count - 1 - seat).add(longestFirst.get(rank));
    }
    return new EncodePlan(dealt.stream().map(p -> batches(p, tokenized)).toList());
  }

  private static List<Batch> batches(List<Integer> proteins, List<int[]> tokenized) {
    List<Batch> batches = new ArrayList<>();
    List<Integer> current = new ArrayList<>();
    int size = 0;
    for (int protein : proteins) {
      int length = tokenized.get(protein).length;
      if (!current.isEmpty() && size + length > BATCH_TOKENS) {
        batches.add(batch(current, tokenized));
        current = new ArrayList<>();
        size = 0;
      }
      current.add(protein);
      size += length;
    }
    batches.add(batch(current, tokenized));
    return batches;
  }

  private static Batch batch(List<Integer> proteins, List<int[]> tokenized) {
    return new Batch(
        List.copyOf(proteins), TokenBatch.of(proteins.stream().map(tokenized::get).toList()));
  }
}
