package org.turboesm.udf;

import java.util.Collection;
import java.util.Set;
import java.util.TreeMap;
import org.turboesm.engine.LockstepDecoder;
import org.turboesm.esm2.ForwardObserver;

/** Keeps the hidden states of some layers, of a whole batch, whatever passes compute its rows. */
final class HiddenStateCollector implements LockstepDecoder.Observer {
  private final TreeMap<Integer, float[]> states = new TreeMap<>();
  private final int tokens;
  private final int hiddenSize;

  /**
   * @param layers indices of hidden states
   * @param tokens of the batch
   */
  HiddenStateCollector(Collection<Integer> layers, int tokens, int hiddenSize) {
    this.tokens = tokens;
    this.hiddenSize = hiddenSize;
    Set.copyOf(layers).forEach(layer -> states.put(layer, new float[tokens * hiddenSize]));
  }

  /** By index, each [tokens, hidden]. */
  TreeMap<Integer, float[]> states() {
    return states;
  }

  /** Sees a pass over the batch as it is. */
  ForwardObserver wholeBatch() {
    if (states.isEmpty()) {
      return ForwardObserver.NONE;
    }
    return new ForwardObserver() {
      @Override
      public boolean seesAttention() {
        return false;
      }

      @Override
      public void hiddenState(int index, float[] hidden) {
        float[] state = states.get(index);
        if (state != null) {
          System.arraycopy(hidden, 0, state, 0, tokens * hiddenSize);
        }
      }
    };
  }

  @Override
  public ForwardObserver observe(int[] rows) {
    if (states.isEmpty()) {
      return ForwardObserver.NONE;
    }
    return new ForwardObserver() {
      @Override
      public boolean seesAttention() {
        return false;
      }

      @Override
      public void hiddenState(int index, float[] hidden) {
        float[] state = states.get(index);
        if (state != null) {
          for (int i = 0; i < rows.length; i++) {
            System.arraycopy(hidden, i * hiddenSize, state, rows[i] * hiddenSize, hiddenSize);
          }
        }
      }
    };
  }
}
