package org.turboesm.engine.cuda;

import java.util.List;
import org.turboesm.cuda.DevicePointer;

/**
 * Queries, keys and values of one layer, side by side in one product.
 *
 * @param parts GEMMs that fill the product's columns from left to right: one for all three, or one
 *     for queries and keys and one for values that a codec has folded
 * @param bias floats, [3 * hidden]
 * @param scales floats, [3 * hidden], of int8 weights; null otherwise
 */
record DeviceProjections(List<DeviceLinear> parts, DevicePointer bias, DevicePointer scales) {

  /** Columns of the product. */
  int outputs() {
    return parts.stream().mapToInt(DeviceLinear::outputs).sum();
  }

  /** What the GEMMs leave, as the kernels behind them read it. */
  Product product(DevicePointer values, LinearInput input) {
    return new Product(values, input.scales(), scales, bias);
  }
}
