package org.turboesm.engine.cpu;

import org.bytedeco.dnnl.memory;

/**
 * Where and in which layout a kernel takes an argument.
 *
 * @param key oneDNN's number of the argument
 */
record MatmulOperand(int key, memory.desc layout) {}
