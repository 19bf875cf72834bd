package org.turboesm.job;

import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.turboesm.OutOfDeviceMemoryException;
import org.turboesm.engine.DecodeSession;
import org.turboesm.engine.EngineCapabilities;
import org.turboesm.engine.EsmEngine;
import org.turboesm.engine.KvPrecision;
import org.turboesm.engine.RangeTally;
import org.turboesm.engine.TurboEngine;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.ForwardObserver;
import org.turboesm.esm2.TokenBatch;
import org.turboesm.kv.KvCodec;

/** An engine whose memory holds a batch of a few tokens; all of this JVM have the same limits. */
final class SmallDeviceEngine implements EsmEngine {
  private static final List<Integer> ENCODED = new CopyOnWriteArrayList<>();
  private static final List<Integer> DECODED = new CopyOnWriteArrayList<>();
  private static volatile int encodeTokens;
  private static volatile int packedTokens;

  private final EsmEngine computing;
  private final EngineCapabilities capabilities;
  private volatile boolean lost;

  SmallDeviceEngine(EsmEngine computing, EngineCapabilities capabilities) {
    this.computing = computing;
    this.capabilities = capabilities;
  }

  /**
   * What fits from now on, in tokens of a batch.
   *
   * @param encode in mode encode
   * @param packed in modes turbo and decode
   */
  static void limit(int encode, int packed) {
    encodeTokens = encode;
    packedTokens = packed;
    ENCODED.clear();
    DECODED.clear();
  }

  /** The sizes of the batches that mode encode was asked for since, in tokens. */
  static List<Integer> encoded() {
    return List.copyOf(ENCODED);
  }

  /** The same of mode decode. */
  static List<Integer> decoded() {
    return List.copyOf(DECODED);
  }

  /** As a device that falls off the bus. */
  void lose() {
    lost = true;
  }

  @Override
  public boolean healthy() {
    return !lost;
  }

  private static void requireRoom(int tokens, int limit) {
    if (tokens > limit) {
      throw new OutOfDeviceMemoryException(tokens + " tokens, where " + limit + " fit");
    }
  }

  @Override
  public float[] encode(TokenBatch batch, ForwardObserver observer) {
    ENCODED.add(batch.size());
    requireRoom(batch.size(), encodeTokens);
    return computing.encode(batch, observer);
  }

  @Override
  public TurboEngine turbo(KvCodec codec) {
    TurboEngine packed = computing.turbo(codec);
    return new TurboEngine() {
      @Override
      public float[] turbo(TokenBatch batch, ForwardObserver observer, RangeTally tally) {
        requireRoom(batch.size(), packedTokens);
        return packed.turbo(batch, observer, tally);
      }

      @Override
      public DecodeSession prefill(
          TokenBatch prefixes,
          int[] capacities,
          KvPrecision precision,
          ForwardObserver observer,
          RangeTally tally) {
        int tokens = Arrays.stream(capacities).sum();
        DECODED.add(tokens);
        requireRoom(tokens, packedTokens);
        return packed.prefill(prefixes, capacities, precision, observer, tally);
      }

      @Override
      public void close() {
        packed.close();
      }
    };
  }

  @Override
  public EsmConfig config() {
    return computing.config();
  }

  @Override
  public EngineCapabilities capabilities() {
    return capabilities;
  }

  @Override
  public float[] logits(float[] hidden, int rows) {
    return computing.logits(hidden, rows);
  }

  @Override
  public boolean hasLmHead() {
    return computing.hasLmHead();
  }

  @Override
  public float[] projectAttention(int layer, float[] attended, int rows) {
    return computing.projectAttention(layer, attended, rows);
  }

  @Override
  public void close() {
    computing.close();
    if (lost) {
      throw new IllegalStateException("the device is lost");
    }
  }
}
