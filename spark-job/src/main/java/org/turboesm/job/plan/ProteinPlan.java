package org.turboesm.job.plan;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.udf;
import static org.apache.spark.sql.functions.xxhash64;

import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.api.java.UDF2;
import org.apache.spark.sql.types.DataTypes;

/**
 * Deals proteins out to partitions of about equal work, as cards are dealt: sorted by length, one
 * to each partition in turn, there and back. So each partition gets proteins of all lengths, and
 * work is equal whether it grows with the length or with its square.
 *
 * <p>A protein's place in that order comes from the number of longer proteins, which the driver
 * knows of all lengths, and a hash of its sha256 and id within its length. So where a protein goes
 * depends on the set of proteins alone, not on how they are partitioned; nothing is sorted
 * globally, and sequences are shuffled once. Proteins of one length are dealt out at random.
 */
public final class ProteinPlan {
  /** Tokens that a partition should hold. */
  public static final long TARGET_TOKENS = 16_384;

  private static final int MAXIMUM_PARTITIONS = 100_000;

  /** {@code <cls>} and {@code <eos>}. */
  private static final int TOKENS_BESIDE_RESIDUES = 2;

  private final LengthRanks ranks;
  private final int partitions;

  private ProteinPlan(LengthRanks ranks, int partitions) {
    this.ranks = ranks;
    this.partitions = partitions;
  }

  /** A plan with {@link #TARGET_TOKENS}. */
  public static ProteinPlan of(Dataset<Row> proteins, int parallelism) {
    return of(proteins, parallelism, TARGET_TOKENS);
  }

  /**
   * @param proteins of schema PROTEINS, the ones that will be run; read once, for their lengths
   * @param parallelism how many tasks run at once
   */
  public static ProteinPlan of(Dataset<Row> proteins, int parallelism, long targetTokens) {
    List<Row> histogram =
        proteins.groupBy("length").count().orderBy(col("length").desc()).collectAsList();
    long count = 0;
    long tokens = 0;
    for (Row row : histogram) {
      count += row.getLong(1);
      tokens += row.getLong(1) * (row.getInt(0) + TOKENS_BESIDE_RESIDUES);
    }
    return new ProteinPlan(
        LengthRanks.of(histogram), partitions(count, tokens, parallelism, targetTokens));
  }

  /**
   * Enough for the target, but at least two for each task that runs at once, while there are
   * proteins for them.
   */
  static int partitions(long proteins, long tokens, int parallelism, long targetTokens) {
    long forTarget = (tokens + targetTokens - 1) / targetTokens;
    long wanted = Math.max(forTarget, 2L * parallelism);
    return (int) Math.max(1, Math.min(Math.min(wanted, proteins), MAXIMUM_PARTITIONS));
  }

  public int partitions() {
    return partitions;
  }

  /** The proteins in {@link #partitions} partitions, each sorted by length, the longest first. */
  public Dataset<Row> apply(Dataset<Row> proteins) {
    return proteins
        .repartitionById(partitions, partition())
        .sortWithinPartitions(col("length").desc(), col("sha256"), col("id"));
  }

  /** A protein's partition, from its columns length, sha256 and id. */
  private Column partition() {
    UDF2<Integer, Long, Integer> deal = new Deal(ranks, partitions);
    return udf(deal, DataTypes.IntegerType)
        .apply(col("length"), xxhash64(col("sha256"), col("id")));
  }

  /** The partition of a protein of that length and hash. */
  record Deal(LengthRanks ranks, int partitions) implements UDF2<Integer, Long, Integer> {
    @Override
    public Integer call(Integer length, Long hash) {
      long rank = ranks.rank(length, hash);
      long round = rank / partitions;
      int seat = (int) (rank % partitions);
      return round % 2 == 0 ? seat : partitions - 1 - seat;
    }
  }
}
