package org.turboesm.engine;

import java.util.Arrays;
import org.turboesm.esm2.TokenBatch;

/** From the hidden states of one protein to its embeddings. */
public final class Pooling {
  private Pooling() {}

  /**
   * The mean over the residues, without {@code <cls>} and {@code <eos>}.
   *
   * @param hidden [rows, hiddenSize]
   * @param firstToken the row of the protein's {@code <cls>}
   * @param tokens with {@code <cls>} and {@code <eos>}; at least 3
   * @return [hiddenSize]
   */
  public static float[] mean(float[] hidden, int firstToken, int tokens, int hiddenSize) {
    double[] sum = new double[hiddenSize];
    for (int t = firstToken + 1; t < firstToken + tokens - 1; t++) {
      for (int c = 0; c < hiddenSize; c++) {
        sum[c] += hidden[t * hiddenSize + c];
      }
    }
    float[] mean = new float[hiddenSize];
    for (int c = 0; c < hiddenSize; c++) {
      mean[c] = (float) (sum[c] / (tokens - 2));
    }
    return mean;
  }

  /**
   * The means of all proteins of a batch.
   *
   * @param hidden [tokens, hiddenSize]
   * @return [sequences, hiddenSize]
   */
  public static float[] means(float[] hidden, TokenBatch batch) {
    int hiddenSize = hidden.length / batch.size();
    float[] means = new float[batch.sequences() * hiddenSize];
    for (int s = 0; s < batch.sequences(); s++) {
      float[] mean = mean(hidden, batch.cuSeqlens()[s], batch.length(s), hiddenSize);
      System.arraycopy(mean, 0, means, s * hiddenSize, hiddenSize);
    }
    return means;
  }

  /** The hidden state of {@code <cls>}, [hiddenSize]; arguments as of {@link #mean}. */
  public static float[] cls(float[] hidden, int firstToken, int tokens, int hiddenSize) {
    return row(hidden, firstToken, hiddenSize);
  }

  /** The residues' hidden states, [tokens - 2][hiddenSize]; arguments as of {@link #mean}. */
  public static float[][] residues(float[] hidden, int firstToken, int tokens, int hiddenSize) {
    float[][] residues = new float[tokens - 2][];
    for (int t = 0; t < residues.length; t++) {
      residues[t] = row(hidden, firstToken + 1 + t, hiddenSize);
    }
    return residues;
  }

  private static float[] row(float[] hidden, int row, int hiddenSize) {
    return Arrays.copyOfRange(hidden, row * hiddenSize, (row + 1) * hiddenSize);
  }
}
