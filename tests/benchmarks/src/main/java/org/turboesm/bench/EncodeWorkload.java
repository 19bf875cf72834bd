package org.turboesm.bench;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.Pooling;
import org.turboesm.esm2.EsmTokenizer;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.TokenBatch;

/** Proteins, tokenized and planned, for one engine to embed again and again. */
final class EncodeWorkload {
  private final EsmEngine engine;
  private final ExecutorService tasks;
  private final int proteins;
  private final EncodePlan plan;

  private EncodeWorkload(
      EsmEngine engine, ExecutorService tasks, int parallelism, List<int[]> tokenized) {
    this.engine = engine;
    this.tasks = tasks;
    this.proteins = tokenized.size();
    this.plan = EncodePlan.of(tokenized, parallelism);
  }

  /**
   * Reads FASTA whose sequences are a line each.
   *
   * @param tasks runs {@code parallelism} partitions at once
   */
  static EncodeWorkload read(Path fasta, EsmEngine engine, ExecutorService tasks, int parallelism)
      throws IOException {
    List<int[]> tokenized =
        Files.readAllLines(fasta).stream()
            .filter(line -> !line.startsWith(">"))
            .map(EsmTokenizer::tokenize)
            .toList();
    return new EncodeWorkload(engine, tasks, parallelism, tokenized);
  }

  /** The mean embedding of each protein, [proteins][hidden]. */
  float[][] run() throws InterruptedException, ExecutionException {
    float[][] embeddings = new float[proteins][];
    List<Future<?>> running = new ArrayList<>();
    for (List<EncodePlan.Batch> partition : plan.partitions()) {
      running.add(tasks.submit(() -> partition.forEach(batch -> embed(batch, embeddings))));
    }
    for (Future<?> task : running) {
      task.get();
    }
    return embeddings;
  }

  private void embed(EncodePlan.Batch batch, float[][] embeddings) {
    TokenBatch tokens = batch.tokens();
    float[] hidden = engine.encode(tokens, ForwardObserver.NONE);
    for (int s = 0; s < tokens.sequences(); s++) {
      embeddings[batch.proteins().get(s)] =
          Pooling.mean(
              hidden, tokens.cuSeqlens()[s], tokens.length(s), engine.config().hiddenSize());
    }
  }

  /** The sum of all magnitudes. */
  static double checksum(float[][] embeddings) {
    double sum = 0;
    for (float[] embedding : embeddings) {
      for (float value : embedding) {
        sum += Math.abs(value);
      }
    }
    return sum;
  }

  /** Writes [proteins, hidden], little-endian. */
  static void write(float[][] embeddings, Path file) throws IOException {
    int hidden = embeddings[0].length;
    ByteBuffer bytes =
        ByteBuffer.allocate(embeddings.length * hidden * Float.BYTES)
            .order(ByteOrder.LITTLE_ENDIAN);
    for (float[] embedding : embeddings) {
      for (float value : embedding) {
        bytes.putFloat(value);
      }
    }
    Files.write(file, bytes.array());
  }
}
