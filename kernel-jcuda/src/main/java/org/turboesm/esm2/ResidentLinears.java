package org.turboesm.esm2;

import java.util.ArrayList;
import java.util.List;

/** The linear layers that a forward pass made resident, to be closed together, once. */
final class ResidentLinears implements AutoCloseable {
  private final EsmOperators operators;
  private final List<Linear> linears = new ArrayList<>();

  ResidentLinears(EsmOperators operators) {
    this.operators = operators;
  }

  Linear add(LinearWeights weights, Linear.Epilogue epilogue) {
    Linear linear = operators.linear(weights, epilogue);
    linears.add(linear);
    return linear;
  }

  @Override
  public void close() {
    linears.forEach(Linear::close);
    linears.clear();
  }
}
