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
    return keep(operators.linear(weights, epilogue));
  }

  Linear addInFullPrecision(LinearWeights weights, Linear.Epilogue epilogue) {
    return keep(operators.fullPrecisionLinear(weights, epilogue));
  }

  private Linear keep(Linear linear) {
    linears.add(linear);
    return linear;
  }

  @Override
  public void close() {
    linears.forEach(Linear::close);
    linears.clear();
  }
}
