package org.turboesm.engine.cuda;

import java.util.Arrays;
import org.turboesm.esm2.ForwardObserver;

/** Shows an observer the first rows of a pass whose last ones are padding. */
record FirstRows(ForwardObserver observer, int rows, int hiddenSize) implements ForwardObserver {

  @Override
  public boolean seesHiddenStates() {
    return observer.seesHiddenStates();
  }

  @Override
  public boolean seesAttention() {
    return observer.seesAttention();
  }

  @Override
  public void hiddenState(int index, float[] hidden) {
    observer.hiddenState(index, first(hidden));
  }

  @Override
  public void attention(int layer, float[] queries, float[] keys, float[] values, float[] output) {
    observer.attention(layer, first(queries), first(keys), first(values), first(output));
  }

  private float[] first(float[] values) {
    return Arrays.copyOf(values, rows * hiddenSize);
  }
}
