package org.turboesm.esm2;

/**
 * Sees the inside of a forward pass. Arrays are the pass's own and change after the call: copy what
 * is to be kept, write to none.
 */
public interface ForwardObserver {

  /** Sees nothing. */
  ForwardObserver NONE =
      new ForwardObserver() {
        @Override
        public boolean seesHiddenStates() {
          return false;
        }

        @Override
        public boolean seesAttention() {
          return false;
        }
      };

  /** Lets both see the pass, the first first. */
  static ForwardObserver both(ForwardObserver first, ForwardObserver second) {
    if (first == NONE) {
      return second;
    }
    if (second == NONE) {
      return first;
    }
    return new ForwardObserver() {
      @Override
      public boolean seesHiddenStates() {
        return first.seesHiddenStates() || second.seesHiddenStates();
      }

      @Override
      public boolean seesAttention() {
        return first.seesAttention() || second.seesAttention();
      }

      @Override
      public void hiddenState(int index, float[] hidden) {
        first.hiddenState(index, hidden);
        second.hiddenState(index, hidden);
      }

      @Override
      public void attention(
          int layer, float[] queries, float[] keys, float[] values, float[] output) {
        first.attention(layer, queries, keys, values, output);
        second.attention(layer, queries, keys, values, output);
      }
    };
  }

  /** Whether {@link #hiddenState} does anything; an engine need not call it otherwise. */
  default boolean seesHiddenStates() {
    return true;
  }

  /** Whether {@link #attention} does anything; an engine need not call it otherwise. */
  default boolean seesAttention() {
    return true;
  }

  /**
   * A hidden state: index 0 is the embedding, index {@code layers} the state after the last
   * LayerNorm.
   *
   * @param hidden [tokens, hidden]
   */
  default void hiddenState(int index, float[] hidden) {}

  /**
   * The attention of one layer, before its output projection; shapes as in {@link SelfAttention}.
   */
  default void attention(
      int layer, float[] queries, float[] keys, float[] values, float[] output) {}
}
