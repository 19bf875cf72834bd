package org.turboesm.engine;

import java.util.function.Supplier;
import org.turboesm.OutOfDeviceMemoryException;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.TokenBatch;
import org.turboesm.kv.KvCodec;

/**
 * One ESM-2 model, resident. Any number of threads may call it; each call runs on the caller's
 * thread.
 */
public interface EsmEngine extends AutoCloseable {

  EsmConfig config();

  EngineCapabilities capabilities();

  /**
   * The ordinary bidirectional forward pass of every protein of the batch.
   *
   * @return the last hidden state, [tokens, hidden]
   */
  float[] encode(TokenBatch batch, ForwardObserver observer);

  /**
   * The mean embeddings that {@link #encode} leads to, as {@link Pooling#means} takes them but for
   * the rounding of sums: an engine whose hidden states lie elsewhere brings no others here.
   *
   * @return [sequences, hidden]
   */
  default float[] meanEmbeddings(TokenBatch batch, ForwardObserver observer) {
    return Pooling.means(encode(batch, observer), batch);
  }

  /**
   * The language-model head on last hidden states.
   *
   * @param hidden [rows, hidden]
   * @return [rows, vocabulary]
   */
  float[] logits(float[] hidden, int rows);

  /** Whether the model has a language-model head. */
  boolean hasLmHead();

  /**
   * W_o o + b_o of one layer.
   *
   * @param attended [rows, heads, headDim]
   * @return [rows, hidden]
   */
  float[] projectAttention(int layer, float[] attended, int rows);

  /**
   * How far two attention outputs of a layer are apart after {@link #projectAttention}, but for the
   * rounding of sums: an engine that projects elsewhere brings no projected rows here.
   *
   * @param reference [rows, heads, headDim]
   * @param actual [rows, heads, headDim]
   */
  default RowErrors projectedErrors(int layer, float[] reference, float[] actual, int rows) {
    return RowErrors.of(
        projectAttention(layer, reference, rows), projectAttention(layer, actual, rows), rows);
  }

  /**
   * Readies the model to run over a packed cache: folds the codec's value transforms into the
   * weights. The result shares this engine's other weights and must be closed before it.
   */
  TurboEngine turbo(KvCodec codec);

  /**
   * Runs work of several calls, in which observers call the engine too. Where it runs out of memory
   * that others may have had, it is run once more while nobody else's calls take any.
   *
   * @param work leaves nothing behind where it throws {@link OutOfDeviceMemoryException}, and waits
   *     for no other thread's calls; the thread has no session open and is in no call of this
   *     engine
   * @throws OutOfDeviceMemoryException if it does not fit alone
   */
  default <T> T runBesideOrAlone(Supplier<T> work) {
    try {
      return work.get();
    } catch (OutOfDeviceMemoryException e) {
      if (!e.besideOthers()) {
        throw e;
      }
    }
    return runAlone(work);
  }

  /**
   * Runs work while nobody else's calls take memory of the device: it waits for those, as later
   * ones for it.
   *
   * @param work waits for no other thread's calls; the thread has no session open and is in no call
   *     of this engine
   */
  default <T> T runAlone(Supplier<T> work) {
    return work.get();
  }

  /**
   * Whether calls can still succeed: false for good once the device is lost or its context has
   * failed. Running out of memory is no such failure. Any thread may ask at any time.
   */
  default boolean healthy() {
    return true;
  }

  @Override
  void close();
}
